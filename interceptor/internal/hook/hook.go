// Package hook runs the functions of callers: one that panics, blocks or ends its
// goroutine ends its call with an error, and nothing else.
package hook

import (
	"context"
	"fmt"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Error is what a function of the caller's has done wrong: it panicked, or answered what
// makes no sense. It is a status of INTERNAL.
type Error struct {
	Option string // that has set the function
	Text   string
}

// Error implements error.
func (e *Error) Error() string { return "interceptor: " + e.Option + ": " + e.Text }

// GRPCStatus makes it a status.
func (e *Error) GRPCStatus() *status.Status { return status.New(grpccodes.Internal, e.Error()) }

// Failed reports whether an attempt ended because of a function.
func Failed(err error) bool {
	_, ok := err.(*Error) //nolint:errorlint // made here and never wrapped
	return ok
}

// AbandonedError is the error of a function that was still running when the context of its
// call ended. It wraps the error of the context.
type AbandonedError struct{ Err error }

// Error implements error.
func (e *AbandonedError) Error() string { return e.Err.Error() }

// Unwrap returns the error of the context.
func (e *AbandonedError) Unwrap() error { return e.Err }

// Run calls f, which calls a function of the caller's that an option has set, and returns
// nil when it has returned; an [*Error] if it panicked or ended its goroutine, as
// testing.T.FailNow does; or [*AbandonedError] if ctx ended first. In the last case f may
// still be running: what it writes must not be looked at. It runs on a goroutine of its
// own, since nothing else can leave a function that blocks.
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
	case err := <-done: // both are there: the answer counts
		return err
	default:
		return &AbandonedError{Err: ctx.Err()}
	}
}

// Guard calls f, and then done with nil, or with an [*Error] if f has panicked or ended
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
