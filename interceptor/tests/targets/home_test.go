package targets_test

import (
	"context"
	"slices"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// errBusy is a refusal by a quota without a hint.
var errBusy = status.Error(grpccodes.ResourceExhausted, "busy")

// TestTargets_ownRetries: retries of the Quota row at targets take none from the call's own
// place, whose quota refills in time.
func TestTargets_ownRetries(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{"a": h.until(32*time.Second, grpctest.Hinted(32*time.Second)), "b": refusing(errPerDay), "c": refusing(errBusy)}
	run(t, h, func(p *program) {
		p.want("a", 32*time.Second)
		p.wantRequests("a2 b1 c3")
	})
}

// TestTargets_ownTurn: the wait at the call's own place counts from the failure there, so that
// failures elsewhere do not put it off.
func TestTargets_ownTurn(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": first(errBusy), "b": refusing(grpctest.ErrOverloaded), "c": refusing(grpctest.ErrOverloaded)}}
	run(t, h, func(p *program) {
		p.want("a", 5*time.Second)
		if got, want := h.asked("b"), []time.Duration{0, 4 * time.Second}; !slices.Equal(got, want) {
			p.Errorf("b was asked after %v, want %v", got, want)
		}
		ctx, cancel := context.WithTimeout(p.Context(), 6*time.Second)
		defer cancel()
		delete(h.requests, "a")
		if got, took, err := p.callIn(ctx); got != "a" || took != 5*time.Second {
			p.Errorf("got %q after %v, %v: want a, before the deadline", got, took, err)
		}
	})
}

// TestTargets_ownPlaceOpens: a call that skipped its own place, failed elsewhere, and has no
// token to spend, waits for its own place as it would have done without targets.
func TestTargets_ownPlaceOpens(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{
		"a": h.until(10*time.Second, grpctest.Hinted(10*time.Second)),
		"b": func(n int) error {
			if n == 1 {
				return nil
			}
			time.Sleep(time.Second)
			return grpctest.ErrOverloaded
		},
	}
	run(t, h, func(p *program) {
		p.want("b", 0)
		time.Sleep(8500 * time.Millisecond)
		p.want("a", 1500*time.Millisecond)
		p.wantRequests("a2 b2 c0")
	}, interceptor.WithTargets(to("b")), interceptor.WithBudget(retrytest.Budget(t, 0, 0)))
}

// TestTargets_ownLimit: a call's own place gets the retries of the Quota row, and no more.
func TestTargets_ownLimit(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": refusing(errBusy), "b": refusing(errPerDay)}}
	run(t, h, func(p *program) {
		_, took, err := p.call()
		if status.Code(err) != grpccodes.ResourceExhausted || took != 20*time.Second {
			p.Errorf("got %v after %v, want the end after 20s", err, took)
		}
		p.wantRequests("a3 b1 c0")
	}, interceptor.WithTargets(to("b")))
}
