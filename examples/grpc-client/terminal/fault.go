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

// Shown describes an error for a terminal or a file. The key goes first: a cut could
// leave a part of the key.
func Shown(err error, by Redactor) string { return foreign.Text(by.Text(describe(err))) }

// describe returns the code and the message of an error in one line, without
// history and details.
func describe(err error) string {
	var st interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &st) {
		return OneLine(err.Error())
	}
	return OneLine(CodeName(err) + ": " + st.GRPCStatus().Message())
}
