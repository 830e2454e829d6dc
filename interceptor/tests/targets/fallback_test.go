package targets_test

import (
	"context"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// asks is a fallback that counts how often it was asked, and with what.
type asks struct {
	of   func(x interceptor.FailedCall) (any, error)
	errs []error
}

// option makes a the fallback.
func (a *asks) option() interceptor.Option {
	return interceptor.WithFallback(func(_ context.Context, x interceptor.FailedCall) (any, error) {
		a.errs = append(a.errs, x.Err)
		return a.of(x)
	})
}

// other asks another model.
func other(x interceptor.FailedCall) (any, error) {
	switch m := x.Request.(type) {
	case *testpb.SimpleRequest:
		next := proto.CloneOf(m)
		next.Payload.Body = []byte("other")
		return next, nil
	case *testpb.StreamingOutputCallRequest:
		next := proto.CloneOf(m)
		next.Payload.Body = []byte("other")
		return next, nil
	}
	return nil, x.Err
}

// decline leaves the call to its retries.
func decline(x interceptor.FailedCall) (any, error) { return nil, x.Err }

// fill answers itself.
func fill(x interceptor.FailedCall) (any, error) {
	if r, ok := x.Reply.(*testpb.SimpleResponse); ok {
		r.Username = "filled"
	}
	return nil, nil
}

// closed is a house whose model a refuses everybody for 40 s.
func closed() *house {
	h := &house{}
	h.answers = map[string]func(int) error{"a": h.until(40*time.Second, grpctest.Hinted(40*time.Second))}
	return h
}

// close closes the gate of a with a call that does not wait.
func (p *program) close() {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), time.Second)
	defer cancel()
	if _, _, err := p.callIn(ctx, interceptor.WithFallback(nil), interceptor.WithTargets()); status.Code(err) != grpccodes.ResourceExhausted {
		p.Fatalf("got %v, want a refusal", err)
	}
}

// TestFallback_atTheGate: a call that would wait long at a gate asks the fallback first:
// another request goes at once, a reply is the answer, and whoever declines waits.
func TestFallback_atTheGate(t *testing.T) {
	for name, c := range map[string]struct {
		of    func(interceptor.FailedCall) (any, error)
		opts  []interceptor.Option
		want  string
		took  time.Duration
		asked int
	}{
		"another request": {other, nil, "other", 0, 1},
		"a reply":         {fill, nil, "filled", 0, 1},
		"declined":        {decline, nil, "a", 40 * time.Second, 1},
		"a patient call":  {other, []interceptor.Option{interceptor.FallbackAfter(time.Minute)}, "a", 40 * time.Second, 0},
		"another target":  {other, []interceptor.Option{interceptor.WithTargets(to("b"))}, "b", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := asks{of: c.of}
			run(t, closed(), func(p *program) {
				p.close()
				got, took, err := p.call()
				if err != nil || got != c.want || took.Round(time.Second) != c.took || len(a.errs) != c.asked {
					p.Errorf("got %q after %v, %v, asked %d times: want %q after %v, %d", got, took, err, len(a.errs), c.want, c.took, c.asked)
				}
				for _, err := range a.errs {
					if f := interceptor.FailureOf(err); f.Class != codes.Quota || status.Code(err) != grpccodes.ResourceExhausted {
						p.Errorf("asked with %v, want the refusal that closed the gate", err)
					}
				}
				if e := p.events.Last(); e.Fallback != (c.want == "other" || c.want == "filled") || (c.want == "other" && e.Attempt != 1) {
					p.Errorf("got %+v", e)
				}
				if e := p.events.Last(); c.want == "a" && (e.Attempt != 1 || e.Outcome != interceptor.FirstTry) {
					p.Errorf("got %+v, want a first try", e)
				}
				if n := p.retrier.Gates().Waiting; n != 0 {
					p.Errorf("%d calls wait at the gate", n)
				}
			}, append([]interceptor.Option{interceptor.WithTargets(), a.option()}, c.opts...)...)
		})
	}
}

// TestFallback_afterDeclining: the fallback that has declined a wait is asked once more at
// the end.
func TestFallback_afterDeclining(t *testing.T) {
	a := asks{of: func(x interceptor.FailedCall) (any, error) {
		if interceptor.FailureOf(x.Err).Class == codes.Spent {
			return other(x)
		}
		return nil, x.Err
	}}
	h := closed()
	closedFor := h.answers["a"]
	h.answers["a"] = func(n int) error {
		if err := closedFor(n); err != nil {
			return err
		}
		return errPerDay
	}
	run(t, h, func(p *program) {
		p.close()
		if got, took, err := p.call(); got != "other" || took.Round(time.Second) != 40*time.Second || len(a.errs) != 2 {
			p.Errorf("got %q after %v, %v, asked %d times", got, took, err, len(a.errs))
		}
	}, interceptor.WithTargets(), a.option())
}

// TestFallback_turnedAway: a call that cannot wait for its turn asks too, however short the
// time left.
func TestFallback_turnedAway(t *testing.T) {
	a := asks{of: other}
	run(t, closed(), func(p *program) {
		p.close()
		ctx, cancel := context.WithTimeout(p.Context(), 100*time.Millisecond)
		defer cancel()
		if got, took, err := p.callIn(ctx); got != "other" || took != 0 || len(a.errs) != 1 {
			p.Errorf("got %q after %v, %v, asked %d times", got, took, err, len(a.errs))
		}
	}, interceptor.WithTargets(), a.option())
}

// TestFallback_streamAtTheGate: a stream whose retry would wait asks with its first message.
func TestFallback_streamAtTheGate(t *testing.T) {
	a := asks{of: other}
	run(t, closed(), func(p *program) {
		p.wantRead("other", 0)
		if len(a.errs) != 1 {
			p.Errorf("asked %d times", len(a.errs))
		}
	}, interceptor.WithTargets(), a.option())
}

// TestFallback_functionAtTheGate: a function is answered, or goes on to wait.
func TestFallback_functionAtTheGate(t *testing.T) {
	for name, c := range map[string]struct {
		of   func(interceptor.FailedCall) (any, error)
		took time.Duration
	}{"a reply": {fill, 0}, "declined": {decline, 40 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			a := asks{of: c.of}
			h := closed()
			run(t, h, func(p *program) {
				began := time.Now()
				err := p.retrier.Do(p.Context(), "work", func(context.Context) error { return h.answers["a"](1) })
				if took := time.Since(began); err != nil || took.Round(time.Second) != c.took {
					p.Errorf("got %v after %v, want an answer after %v", err, took, c.took)
				}
			}, interceptor.WithTargets(), a.option())
		})
	}
}
