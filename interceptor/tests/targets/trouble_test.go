package targets_test

import (
	"context"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestTargets_trouble: a server in trouble is left after the wait of the table, and for a
// token: the other model lies behind the same server. The table's waits begin after the
// last target, at the one that is free first.
func TestTargets_trouble(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": refusing(grpctest.ErrOverloaded), "b": first(grpctest.ErrOverloaded), "c": refusing(grpctest.ErrOverloaded)}}
	budget := retrytest.Budget(t, 100, 0)
	run(t, h, func(p *program) {
		p.want("b", (2+2+2+4)*time.Second)
		p.wantRequests("a2 b2 c1")
		retrytest.WantTokens(t, budget, 96)
		p.want("b", 2*time.Second) // and the next call begins anew
	}, interceptor.WithBudget(budget))
}

// TestTargets_noToken: with an empty budget nothing moves for trouble, and everything for
// a quota.
func TestTargets_noToken(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": first(grpctest.ErrOverloaded)}}
	run(t, h, func(p *program) {
		if _, took, err := p.call(); took != 0 || status.Code(err) != grpccodes.Unavailable {
			p.Errorf("got %v after %v, want the failure at once", err, took)
		}
		p.wantRequests("a1 b0 c0")
		h.answers["a"] = refusing(grpctest.Hinted(40 * time.Second))
		p.want("b", 0)
	}, interceptor.WithBudget(retrytest.Budget(t, 0, 0)))
}

// TestTargets_whatDoesNotTravel: a failure that the request owes to the target drops the
// target, and the failure before stands: the call waits for its own place.
func TestTargets_whatDoesNotTravel(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{
		"a": h.until(7*time.Second, grpctest.Hinted(7*time.Second)), "b": refusing(errNotFound), "c": refusing(status.Error(grpccodes.PermissionDenied, "no")),
	}
	run(t, h, func(p *program) {
		p.want("a", 7*time.Second)
		p.wantRequests("a2 b1 c1")
	})
	h.answers["a"], h.requests = refusing(errPerDay), nil
	run(t, h, func(p *program) {
		_, took, err := p.call()
		if f := interceptor.FailureOf(err); took != 0 || f.Class != codes.Spent {
			p.Errorf("got %v after %v, want the spent quota of a", err, took)
		}
		_, took, err = p.call() // straight to b, since a is closed
		if f := interceptor.FailureOf(err); took != 0 || f.Class != codes.Spent {
			p.Errorf("got %v after %v, want the spent quota of a", err, took)
		}
	})
	h.answers["a"], h.requests = refusing(errNotFound), nil
	run(t, h, func(p *program) {
		if _, took, err := p.call(); took != 0 || !retrytest.Untouched(err) || status.Code(err) != grpccodes.NotFound {
			p.Errorf("got %v after %v, want the failure of the request itself", err, took)
		}
		p.wantRequests("a1 b0 c0")
	})
}

// TestTargets_whatMayHaveRun: the rules for a repeated attempt hold for a move.
func TestTargets_whatMayHaveRun(t *testing.T) {
	internal := status.Error(grpccodes.Internal, "crashed")
	for name, c := range map[string]struct {
		opt   interceptor.CallOption
		err   error
		moves bool
	}{
		"a crash, of a method of which nothing is known": {interceptor.Enable(), internal, false},
		"a refusal, likewise":                            {interceptor.Enable(), grpctest.Hinted(time.Second), true},
		"overload, likewise":                             {interceptor.Enable(), grpctest.ErrOverloaded, true},
		"a crash, of a method that may run twice":        {interceptor.Repeatable(), internal, true},
		"overload, of a method that may not run twice":   {interceptor.NotRepeatable(), grpctest.ErrOverloaded, false},
		"a spent quota, of a method that may not":        {interceptor.NotRepeatable(), errPerDay, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{answers: map[string]func(int) error{"a": refusing(c.err)}}
			runPlain(t, h, func(p *program) {
				model, _, err := p.call()
				if moved := err == nil && model == "b"; moved != c.moves {
					p.Errorf("got %q, %v: moved %v, want %v", model, err, moved, c.moves)
				}
			}, c.opt)
		})
	}
}

// TestTargets_limits: a move counts against the attempts and the time of the call.
func TestTargets_limits(t *testing.T) {
	all := func(err error) map[string]func(int) error {
		return map[string]func(int) error{"a": refusing(err), "b": refusing(err), "c": refusing(err)}
	}
	h := &house{answers: all(grpctest.ErrOverloaded)}
	run(t, h, func(p *program) {
		if _, took, err := p.call(interceptor.MaxRetries(1)); took != 2*time.Second || err == nil {
			p.Errorf("got %v after %v, want the end after one move", err, took)
		}
		p.wantRequests("a1 b1 c0")
	})
	h = &house{answers: all(grpctest.ErrOverloaded)}
	run(t, h, func(p *program) {
		ctx, cancel := context.WithTimeout(p.Context(), 3*time.Second)
		defer cancel()
		if _, took, err := p.callIn(ctx); took != 2*time.Second || status.Code(err) != grpccodes.Unavailable {
			p.Errorf("got %v after %v, want the end before the wait that does not fit", err, took)
		}
		p.wantRequests("a1 b1 c0")
	})
	h = &house{answers: all(status.Error(grpccodes.ResourceExhausted, "too many"))}
	run(t, h, func(p *program) {
		_, _, err := p.call()
		p.wantRequests("a3 b3 c0") // the row of each target
		if last := p.events.Last(); err == nil || last.Decision.Why != policy.ClassExhausted {
			p.Errorf("got %v, %+v", err, last)
		}
	}, interceptor.WithTargets(to("b")))
	h = &house{answers: all(grpctest.ErrOverloaded)}
	run(t, h, func(p *program) {
		_, _, err := p.call()
		p.wantRequests("a2 b2 c2") // 2 moves, and the 3 retries of the row
		e := interceptor.FailureOf(err)
		if last := p.events.Last(); e.Class != codes.Server || last.Decision.Why != policy.ClassExhausted || last.Attempt != 6 {
			p.Errorf("got %v, %+v", err, last)
		}
	})
}
