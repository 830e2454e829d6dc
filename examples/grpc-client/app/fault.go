package app

import (
	"errors"

	"google.golang.org/genproto/googleapis/rpc/code"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/internal/foreign"
)

// codeName spells the code of an error as the gRPC documents do.
func codeName(err error) string {
	return nameOf(status.Code(err))
}

func nameOf(c grpccodes.Code) string {
	if name, ok := code.Code_name[int32(c)]; ok { //nolint:gosec // codes are small
		return name
	}
	return c.String()
}

// shown describes an error as a terminal and a file may have it. The key goes first: of
// one that was cut, a part would be left.
func shown(err error, by redactor) string { return foreign.Text(by.text(describe(err))) }

// describe says what is wrong, in one line: the code and message of the
// status, without the history and the details that errors carry too.
func describe(err error) string {
	var st interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &st) {
		return oneLine(err.Error())
	}
	return oneLine(codeName(err) + ": " + st.GRPCStatus().Message())
}
