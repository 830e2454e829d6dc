package interceptor

import (
	"context"
	"errors"
	"fmt"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// hookError is what a function of the caller's has done wrong: it panicked,
// or answered what makes no sense. It is a status of INTERNAL.
type hookError struct {
	hook string // the option that has set it
	text string
}

// Error implements error.
func (e *hookError) Error() string { return "interceptor: " + e.hook + ": " + e.text }

// GRPCStatus makes it a status.
func (e *hookError) GRPCStatus() *status.Status { return status.New(grpccodes.Internal, e.Error()) }

// errExited says that a hook has ended its goroutine, as testing.T.FailNow
// does.
var errExited = errors.New("the function has ended its goroutine: want it to return")

// isHookError reports whether an attempt ended because of a hook.
func isHookError(err error) bool {
	_, ok := err.(*hookError) //nolint:errorlint // made in this package and never wrapped
	return ok
}

// abandoned is the error of a hook that was still running when the context of
// its call ended.
type abandoned struct{ error }

// Unwrap returns the error of the context.
func (e *abandoned) Unwrap() error { return e.error }

// runHook calls f, which calls a function of the caller's, and returns nil when
// it has returned; a *hookError if it panicked; or *abandoned if ctx ended first.
// In the last case f may still be running: what it writes must not be looked at. It runs on a goroutine of its own, since nothing else can leave a function
// that blocks.
func runHook(ctx context.Context, hook string, f func()) error {
	if err := ctx.Err(); err != nil {
		return &abandoned{err}
	}
	done := make(chan error, 1)
	go func() {
		err := errExited
		defer func() {
			if p := recover(); p != nil {
				err = panicked(p)
			}
			done <- err
		}()
		f()
		err = nil
	}()
	select {
	case err := <-done:
		return asHookError(hook, err)
	case <-ctx.Done():
	}
	select {
	case err := <-done: // both are there: the answer counts
		return asHookError(hook, err)
	default:
		return &abandoned{ctx.Err()}
	}
}

// panicked returns the error of a function that has panicked.
func panicked(p any) error { return fmt.Errorf("the function panicked: %v", p) }

// asHookError returns err as a *hookError, or nil.
func asHookError(hook string, err error) error {
	if err == nil {
		return nil
	}
	return &hookError{hook: hook, text: err.Error()}
}
