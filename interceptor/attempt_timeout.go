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
	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
	"github.com/reinvoke/reinvoke/policy"
)

// WithAttemptTimeout ends an attempt without an answer after d, as codes.Timeout, so that
// the call can be retried; 0, the default, for none. Three things decide about the retry:
//
//   - The row of class Timeout: 5 retries in the default table. A table without the row
//     retries no attempt that has timed out.
//   - The method, which must be repeatable (see [Repeatable]): the attempt may have run.
//   - The budget. The retry costs a token of the earned account ([policy.BudgetConfig]), which
//     is empty on a new connection and gains 0.1 by each success, up to 10.
//
// The server may still be at work on an attempt that was given up: retried without bound,
// timeouts keep an overloaded server overloaded. But giving up an attempt without a retry
// only loses the attempt. So an attempt whose retry has no token goes on, and the
// account is asked again after each further d. The attempt ends without a retry when the
// account is still empty after as many further d as the row has retries left, or as the
// limits leave attempts and time for ([policy.Limits]): with d = 2 s and the default row, 12 s
// after the start of a first attempt. The first attempt of a connection without an answer for
// 30 s is retried without a token ([policy.Patience]). The caller's deadline ends the attempt
// at any time; an attempt whose retry would begin after the deadline goes on
// until then, token or not. An attempt that row, limits or method do not let retry ends after
// d, also while waiting for a connection, and so does a stream whose header was shown.
//
// Given to a connection, or to methods with [WithMethod], an attempt timeout also makes the
// budget for other failures a small one, [policy.AttemptTimeoutBudget]: 1 token instead of
// 100 at the start, 0.1 instead of 1 earned by each success. [WithBudget], and [WithConfig]
// with figures other than the default, set other figures, and [WithoutBudget] retries each
// timeout allowed by row and method.
//
// On streams the timeout runs until the first message, while the server is the one to
// speak: on a server stream from the start of the attempt, on a client stream from
// CloseSend, on a bidirectional stream from the client's last message. A stream committed
// because of its size is not timed. The timeout runs on the clock of [WithClock], and the
// server is not told. Hedged attempts end after d. WithAttemptTimeout does not apply to
// [Retrier.Do], whose function can have a timeout of its own.
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

// errAttemptTimeout is the cause of a context ended by an attempt timeout.
var errAttemptTimeout = errors.New("interceptor: the attempt has timed out")

// timeoutError is the error of a timed-out attempt: a status of DEADLINE_EXCEEDED, where
// grpc's own would be the CANCELLED of the context.
type timeoutError struct {
	after time.Duration
	ran   time.Duration // more than after for an attempt that went on for want of a token
	paid  bool          // a token was taken for the retry; the call takes it over
}

// Error implements error.
func (e *timeoutError) Error() string {
	text := fmt.Sprintf("interceptor: no answer within the attempt timeout of %v (interceptor.WithAttemptTimeout)", rounded(e.after))
	if e.ran > e.after {
		text += fmt.Sprintf(", extended to %v for want of a retry", rounded(e.ran))
	}
	return text
}

// GRPCStatus makes timeoutError a status.
func (e *timeoutError) GRPCStatus() *status.Status {
	return status.New(grpccodes.DeadlineExceeded, e.Error())
}

// attemptTimer ends an attempt in time. The timer can be paused and started again. The nil
// timer never ends anything.
type attemptTimer struct {
	clock   Clock
	after   time.Duration
	patient policy.Patience // of each run
	ctx     context.Context // of the attempt
	end     context.CancelCauseFunc

	mu       sync.Mutex
	stop     func() bool // nil for a timer that does not run
	run      int         // tells a run from an earlier run that fires late
	patience policy.Patience
	ran      time.Duration
	armed    time.Duration // of the timer that is set
	expired  bool          // for good: the attempt has been ended
	halted   bool          // for good: the attempt needs no timer any more
}

// newAttemptTimer returns the context of an attempt, and the timer, not yet running. The
// caller of newAttemptTimer must call end, and halt after start.
func newAttemptTimer(ctx context.Context, clock Clock, after time.Duration, patient policy.Patience) (context.Context, *attemptTimer) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &attemptTimer{clock: clock, after: after, patient: patient, ctx: ctx, end: cancel}
}

// start starts the timer, anew if it is running.
func (t *attemptTimer) start() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.expired || t.halted {
		return
	}
	t.still()
	t.patience, t.ran = t.patient, 0
	t.arm()
}

// arm runs the timer for one timeout. The lock is held.
func (t *attemptTimer) arm() {
	run := t.run
	t.armed = max(t.after, t.patience.Step())
	t.stop = t.clock.AfterFunc(t.armed, func() { t.fire(run) })
}

// pause stops the timer until start. An expired timer keeps the token for the retry.
func (t *attemptTimer) pause() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.expired {
		t.still()
	}
}

// halt stops the timer for good, and returns a token that nobody has taken over. It reports
// whether the timer has ended the attempt before.
func (t *attemptTimer) halt() (expired bool) {
	if t == nil {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.halted = true
	t.still()
	t.patience.Close()
	return t.expired
}

// still stops the timer. The lock is held.
func (t *attemptTimer) still() {
	if t.stop != nil {
		t.stop()
		t.stop = nil
	}
	t.run++
}

// last says that there will be no retry: the next timeout ends the attempt.
func (t *attemptTimer) last() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.patience.Close()
	t.patient, t.patience = policy.Patience{}, policy.Patience{}
}

// fire ends the attempt, unless the run was stopped, the attempt has ended or goes on. A
// token that nobody takes over within another timeout goes back: a stream need not be read.
func (t *attemptTimer) fire(run int) {
	t.mu.Lock()
	ends := false
	switch {
	case run != t.run:
	case t.expired:
		t.patience.Close()
	case t.ctx.Err() == nil:
		now := t.clock.Now()
		t.ran += t.armed
		ends = t.patience.GiveUp(now)
		if t.expired = ends; ends || !t.patience.ToDeadline(now) {
			t.arm()
		}
	}
	t.mu.Unlock()
	if ends {
		t.end(errAttemptTimeout)
	}
}

// explain returns err, or the timeout error if err is the end of a timed-out attempt.
func (t *attemptTimer) explain(err error) error {
	if t == nil || err == nil {
		return err
	}
	st, _ := codes.StatusOf(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.expired || st.Code() != grpccodes.Canceled {
		return err
	}
	return &timeoutError{after: t.after, ran: t.ran, paid: t.patience.Take()}
}

// isAttemptTimeout reports whether an attempt ended by its own timer.
func isAttemptTimeout(err error) bool {
	_, ok := err.(*timeoutError) //nolint:errorlint // made in this package and never wrapped
	return ok
}

// takeOver notes an attempt timeout, and takes over the token that the timer has taken.
func (c *call) takeOver(err error) {
	c.state.OwnTimeout = isAttemptTimeout(err)
	if e, ok := err.(*timeoutError); ok && e.paid { //nolint:errorlint // as above
		e.paid = false
		c.state.Prepay()
	}
}

// patience returns the patience of the timer of the next attempt.
func (c *call) patience() policy.Patience {
	if c.knobs.disabled || c.unkept != replay.Kept {
		return policy.Patience{}
	}
	c.judge()
	timeout := c.knobs.attemptTimeout
	deadline, _ := c.ctx.Deadline()
	return c.state.Patience(c.r.budget, c.r.timedOut(timeout), timeout, deadline)
}

// timeoutFailure is the failure of an attempt timeout of this length.
type timeoutFailure struct {
	after   time.Duration
	failure codes.Failure
}

// timedOut returns the failure that an attempt timeout will be. The last answer is kept, so
// that healthy calls do not ask the rules.
func (r *Retrier) timedOut(after time.Duration) codes.Failure {
	if known := r.timeout.Load(); known != nil && known.after == after {
		return known.failure
	}
	f := codes.Classify(&timeoutError{after: after}, codes.Evidence{Watched: r.evidence, Stream: true}, r.rules...)
	r.timeout.Store(&timeoutFailure{after, f})
	return f
}
