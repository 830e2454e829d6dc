// Package hook runs callers' functions. A function that panics, blocks or ends its
// goroutine ends its own call with an error, and nothing else.
package hook

import (
	"context"
	"fmt"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is a fault of a caller's function: a panic, or an answer that makes no sense.
// The status is INTERNAL.
type Error struct {
	Option string // the name of the option with the function
	Text   string
}

// Error implements error.
func (e *Error) Error() string { return "interceptor: " + e.Option + ": " + e.Text }

// GRPCStatus returns the status INTERNAL with the text of Error.
func (e *Error) GRPCStatus() *status.Status { return status.New(grpccodes.Internal, e.Error()) }

// Failed reports whether an attempt ended because of a caller's function.
func Failed(err error) bool {
	_, ok := err.(*Error) //nolint:errorlint // made here and never wrapped
	return ok
}

// AbandonedError is the error of a function still running when the call's context
// ended. AbandonedError wraps the context's error.
type AbandonedError struct{ Err error }

// Error implements error.
func (e *AbandonedError) Error() string { return e.Err.Error() }

// Unwrap returns the context's error.
func (e *AbandonedError) Unwrap() error { return e.Err }

// Run calls f, a wrapper around a caller's function; option names the option that set
// the function. Run returns nil after f returned; an [*Error] if f panicked or ended
// its goroutine, as testing.T.FailNow does; or an [*AbandonedError] if ctx ended
// first. After an AbandonedError f may still be running: do not read the results of
// f. f runs on a separate goroutine, because there is no other way to leave a
// function that blocks.
func Run(ctx context.Context, option string, f func()) error {
	if err := ctx.Err(); err != nil {
		return &AbandonedError{Err: err}
	}
	done := make(chan error, 1)
	go func() { Guard(option, f, func(err error) { done <- err }) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // both happened: the answer counts
		return err
	default:
		return &AbandonedError{Err: ctx.Err()}
	}
}

// Guard calls f and then done: with nil, or with an [*Error] if f panicked or ended
// the goroutine.
func Guard(option string, f func(), done func(error)) {
	fault := "the function has ended its goroutine: want it to return"
	defer func() {
		if p := recover(); p != nil {
			fault = fmt.Sprintf("the function panicked: %v", p)
		}
		if fault == "" {
			done(nil)
			return
		}
		done(&Error{Option: option, Text: fault})
	}()
	f()
	fault = ""
}
