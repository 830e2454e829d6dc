package rest

import (
	"errors"
	"net/http"
	"strings"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// malformed reports whether net/http refuses to send a request, such as one with an API
// key read from a file with the newline.
func malformed(req *http.Request) bool {
	for _, values := range req.Header {
		for _, value := range values {
			if strings.ContainsFunc(value, isControl) {
				return true
			}
		}
	}
	return req.URL.Host == ""
}

// isControl reports whether a character may not be in a header (RFC 9110 section 5.5).
func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

// malformedError is the error of a request made malformed by auth.
type malformedError struct{ error }

// Unwrap returns the error of the transport.
func (e *malformedError) Unwrap() error { return e.error }

// failureOf returns the failure behind err, the error of the transport for out.
func (w *watch) failureOf(out *http.Request, err error) *lost {
	wrote := w.wrote.Load()
	if _, ok := errors.AsType[*malformedError](err); ok || !wrote && malformed(out) {
		return &lost{err, status.New(grpccodes.InvalidArgument, err.Error())}
	}
	return lostBy(out.Context(), err, wrote)
}
