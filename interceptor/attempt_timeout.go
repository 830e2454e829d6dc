package interceptor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// WithAttemptTimeout ends an attempt that has had no answer for d, as
// codes.Timeout, and lets it be retried as the row of that class says; 0, the
// default, for none. A retry after it is paid for with tokens that successes
// have earned (see [policy.BudgetConfig]), since the server may still be at work
// on the attempt that was given up: retried without bound, timeouts keep an
// overloaded server overloaded. That account is empty to begin with and earns a tenth
// for each success: a new connection whose server is silent ends its calls at their
// first attempt (policy.BudgetExhausted), and one that is well can retry after a timeout
// in one of ten calls. For its other retries a connection with an attempt timeout has
// the budget [policy.AttemptTimeoutBudget]. [WithoutBudget] lifts both.
//
// On streams it runs until the first message only, and as long as the server is
// the one to speak: on a server stream from the beginning of the attempt, on a
// client stream from CloseSend, on a bidirectional stream from what the client
// has sent last. A stream that was committed because of its size is not timed. It
// runs on the clock of [WithClock], and the server is not told. It does not apply
// to [Retrier.Do], whose function can have a timeout of its own.
func WithAttemptTimeout(d time.Duration) CallOption {
	var err error
	if d < 0 {
		err = fmt.Errorf("interceptor: WithAttemptTimeout: %v: want > 0s, or 0s for none", d)
	}
	return newCallOption(callOption{
		name: "WithAttemptTimeout", err: err, kinds: unaryCall | streams, early: true,
		apply: func(s *settings) { s.attemptTimeout = d },
	})
}

// errAttemptTimeout is the cause of the context of an attempt that ran out of
// its time.
var errAttemptTimeout = errors.New("interceptor: the attempt has timed out")

// timeoutError is the error of such an attempt: a status of
// DEADLINE_EXCEEDED, where grpc's own would be the CANCELLED of its context.
type timeoutError struct{ after time.Duration }

// Error implements error.
func (e *timeoutError) Error() string {
	return fmt.Sprintf("interceptor: no answer within the attempt timeout of %v (interceptor.WithAttemptTimeout)", rounded(e.after))
}

// GRPCStatus makes it a status.
func (e *timeoutError) GRPCStatus() *status.Status {
	return status.New(grpccodes.DeadlineExceeded, e.Error())
}

// attemptTimer ends an attempt in time. It can be halted and started again. The
// nil timer never ends anything.
type attemptTimer struct {
	clock Clock
	after time.Duration
	end   context.CancelCauseFunc

	mu      sync.Mutex
	stop    func() bool // nil while it is halted
	run     int         // tells a run from an earlier one that fires late
	expired bool
}

// newAttemptTimer returns the context of an attempt, and its timer, which is
// not yet running. Whoever has it calls end.
func newAttemptTimer(ctx context.Context, clock Clock, after time.Duration) (context.Context, *attemptTimer) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &attemptTimer{clock: clock, after: after, end: cancel}
}

// start starts the timer, anew if it is running.
func (t *attemptTimer) start() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.halted()
	run := t.run
	t.stop = t.clock.AfterFunc(t.after, func() { t.fire(run) })
}

// halt stops the timer.
func (t *attemptTimer) halt() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.halted()
}

// halted is halt under the lock.
func (t *attemptTimer) halted() {
	if t.stop != nil {
		t.stop()
		t.stop = nil
	}
	t.run++
}

// fire ends the attempt, unless that run was stopped.
func (t *attemptTimer) fire(run int) {
	t.mu.Lock()
	current := run == t.run
	t.expired = t.expired || current
	t.mu.Unlock()
	if current {
		t.end(errAttemptTimeout)
	}
}

// explain returns err, or what it stands for if it is the end of an attempt
// that ran out of its time.
func (t *attemptTimer) explain(err error) error {
	if t == nil || err == nil {
		return err
	}
	t.mu.Lock()
	expired := t.expired
	t.mu.Unlock()
	st, _ := codes.StatusOf(err)
	if !expired || st.Code() != grpccodes.Canceled {
		return err
	}
	return &timeoutError{after: t.after}
}

// isAttemptTimeout reports whether an attempt ended by its own timer.
func isAttemptTimeout(err error) bool {
	_, ok := err.(*timeoutError) //nolint:errorlint // made in this package and never wrapped
	return ok
}
