package terminal

import (
	"errors"

	"google.golang.org/genproto/googleapis/rpc/code"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/internal/foreign"
)

// CodeName spells the code of an error likewise.
func CodeName(err error) string {
	return NameOf(status.Code(err))
}

// NameOf spells a code as the gRPC documents do.
func NameOf(c grpccodes.Code) string {
	if name, ok := code.Code_name[int32(c)]; ok { //nolint:gosec // codes are small
		return name
	}
	return c.String()
}

// Shown describes an error as a terminal and a file may have it. The key goes first: of
// one that was cut, a part would be left.
func Shown(err error, by Redactor) string { return foreign.Text(by.Text(describe(err))) }

// describe says what is wrong, in one line: the code and message of the
// status, without the history and the details that errors carry too.
func describe(err error) string {
	var st interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &st) {
		return OneLine(err.Error())
	}
	return OneLine(CodeName(err) + ": " + st.GRPCStatus().Message())
}
