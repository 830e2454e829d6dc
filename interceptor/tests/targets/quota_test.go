package targets_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// TestTargets_quota: a refused call goes on at once, and free; the next calls skip the
// refused target until it opens.
func TestTargets_quota(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{"a": h.until(38*time.Second, grpctest.Hinted(38*time.Second))}
	run(t, h, func(p *program) {
		p.want("b", 0)
		p.want("b", 0)
		p.wantRequests("a1 b2 c0")
		time.Sleep(60 * time.Second)
		p.want("a", 0)
		if e := p.events.Events[0]; e.TargetName != "" || e.Failure.Class != codes.Quota || !e.Decision.Move || e.Decision.Why.String() != "next-target" {
			p.Errorf("got %+v, want a move", e)
		}
		if e := p.events.Events[1]; e.TargetName != "b" || e.Err != nil {
			p.Errorf("got %+v, want the success at b", e)
		}
		for _, line := range []string{"attempt 1 of /grpc.testing.TestService/UnaryCall failed, next at once at b", "succeeded at b | "} {
			if len(p.journal.With(line)) != 1 {
				p.Errorf("want a line with %q: %q", line, p.journal.Lines)
			}
		}
	})
	if got := strings.Join(h.params, " "); got != "model=a model=b model=b model=a" {
		t.Errorf("routing headers: got %s", got)
	}
}

// TestTargets_allRefused: after the last target the call waits for the first to open, or
// ends at once if its deadline comes first, and says what is known of each.
func TestTargets_allRefused(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{
		"a": h.until(40*time.Second, grpctest.Hinted(40*time.Second)),
		"b": h.until(10*time.Second, grpctest.Hinted(10*time.Second)),
		"c": h.until(20*time.Second, grpctest.Hinted(20*time.Second)),
	}
	run(t, h, func(p *program) {
		p.want("b", 10*time.Second)
		p.wantRequests("a1 b2 c1")
		if n := p.retrier.Gates().Waiting; n != 0 {
			p.Errorf("%d calls wait that have ended", n)
		}
	})
	run(t, &house{answers: h.answers, began: h.began}, func(p *program) {
		h.began = time.Now()
		ctx, cancel := context.WithTimeout(p.Context(), 5*time.Second)
		defer cancel()
		_, took, err := p.callIn(ctx)
		after, _ := interceptor.RetryAfter(err)
		if took != 0 || after < 9*time.Second || after > 11*time.Second {
			p.Errorf("got %v after %v, come back in %v: want an end at once, 10 s", err, took, after)
		}
		soon, cancel := context.WithTimeout(p.Context(), 300*time.Millisecond)
		defer cancel()
		_, took, err = p.callIn(soon)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if n := p.retrier.Gates().Waiting; n != 0 {
			p.Errorf("%d calls wait that have ended", n)
		}
		if took != 0 || !strings.Contains(text, "as it is Quota in 40s, at b Quota in 10s, at c Quota in 20s") {
			p.Errorf("got %v after %v, want what is known of each", err, took)
		}
	})
}

// TestTargets_ownKeys: a target that differs in nothing that the key of a gate names has a
// gate of its own all the same.
func TestTargets_ownKeys(t *testing.T) {
	priority := interceptor.Target{Name: "priority", Adapt: func(ctx context.Context, req any) (context.Context, any, bool) {
		return metadata.AppendToOutgoingContext(ctx, "tier", "priority"), req, true
	}}
	for name, opt := range map[string]interceptor.Option{"by model": interceptor.Options(), "of one name": interceptor.WithQuotaName("mine")} {
		t.Run(name, func(t *testing.T) {
			h := &house{}
			server := h.server()
			server.Unary = func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if md, _ := metadata.FromIncomingContext(ctx); len(md.Get("tier")) == 0 {
					return nil, grpctest.Hinted(40 * time.Second)
				}
				return &testpb.SimpleResponse{Username: "priority"}, nil
			}
			runOn(t, h, server, func(p *program) {
				for range 3 {
					p.want("priority", 0)
				}
				if server.Attempts() != 4 {
					p.Errorf("%d attempts, want one refusal", server.Attempts())
				}
			}, interceptor.WithTargets(priority), opt)
		})
	}
}

// TestTargets_firstToOpen: a call waits at all closed gates at once, and goes to the first
// that really opens, whatever the hints have said.
func TestTargets_firstToOpen(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{
		"a": h.until(40*time.Second, grpctest.Hinted(40*time.Second)),
		"b": func(n int) error {
			if n == 1 {
				return grpctest.Hinted(10 * time.Second) // and then not
			}
			return grpctest.Hinted(200 * time.Second)
		},
	}
	run(t, h, func(p *program) {
		got, took, err := p.call()
		if got != "a" || err != nil || took < 40*time.Second || took > 41*time.Second {
			p.Errorf("got %q after %v, %v: want a after 40 s", got, took, err)
		}
	}, interceptor.WithTargets(to("b")))
	h = &house{}
	h.answers = map[string]func(int) error{
		"a": h.until(5*time.Second, grpctest.Hinted(100*time.Second)), // too careful
		"b": h.until(50*time.Second, grpctest.Hinted(50*time.Second)),
	}
	run(t, h, func(p *program) {
		p.close()
		var early atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				got, took, err := p.call()
				if err != nil {
					p.Error(err)
				}
				if got == "a" && took < 30*time.Second {
					early.Add(1)
				}
			})
		}
		all.Wait()
		if early.Load() < 4 { // the scouts that were refused keep to what they were told
			p.Errorf("%d of 8 calls were answered by a, which a scout finds open", early.Load())
		}
		if n := p.retrier.Gates().Waiting; n != 0 {
			p.Errorf("%d calls wait that have ended", n)
		}
	}, interceptor.WithTargets(to("b")))
}
