package retrytest

import (
	"errors"
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
)

// WantStatus fails the test unless err has this status.
func WantStatus(t *testing.T, err error, code grpccodes.Code, message string) {
	t.Helper()
	st := status.Convert(err)
	if e, ok := errors.AsType[*interceptor.Error](err); ok {
		st = e.GRPCStatus()
	}
	if err == nil || st.Code() != code || st.Message() != message {
		t.Fatalf("got error %v, want %v %q", err, code, message)
	}
}

// Untouched reports whether err is an error of grpc itself, without a wrapper.
func Untouched(err error) bool {
	_, ok := err.(interface{ GRPCStatus() *status.Status })
	_, ours := err.(*interceptor.Error) //nolint:errorlint // likewise
	return ok && !ours
}
