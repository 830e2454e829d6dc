package targets_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestTargets_endsAtTarget: a failure at a target ends the call if the request may have run
// there, or must not be repeated: the earlier refusal elsewhere allows no further attempt.
func TestTargets_endsAtTarget(t *testing.T) {
	dataLoss, aborted := status.Error(grpccodes.DataLoss, "half written"), status.Error(grpccodes.Aborted, "start over")
	for name, c := range map[string]struct {
		opt interceptor.CallOption
		err error
	}{
		"crashed":                      {interceptor.Enable(), status.Error(grpccodes.Internal, "crashed")},
		"out of time":                  {interceptor.Enable(), status.Error(grpccodes.DeadlineExceeded, "too slow")},
		"lost data":                    {interceptor.Enable(), dataLoss},
		"aborted":                      {interceptor.Enable(), aborted},
		"aborted, of a repeatable one": {interceptor.Repeatable(), aborted},
		"a class without retries":      {interceptor.WithPolicy(codes.Server, policy.Policy{}), grpctest.ErrOverloaded},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{}
			h.answers = map[string]func(int) error{"a": h.until(3*time.Second, grpctest.Hinted(3*time.Second)), "b": refusing(c.err)}
			runPlain(t, h, func(p *program) {
				if _, took, err := p.call(); took != 0 || status.Code(err) != status.Code(c.err) {
					p.Errorf("got %v after %v, want the end with %v", err, took, c.err)
				}
				p.wantRequests("a1 b1 c0")
			}, c.opt)
		})
	}
}

// TestTargets_answerTooLarge: a request whose answer is too large has run at the target.
func TestTargets_answerTooLarge(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": first(grpctest.Hinted(3 * time.Second))}}
	runPlain(t, h, func(p *program) {
		if _, took, err := p.call(grpc.MaxCallRecvMsgSize(1)); took != 0 || status.Code(err) != grpccodes.ResourceExhausted {
			p.Errorf("got %v after %v, want the end", err, took)
		}
		p.wantRequests("a1 b1 c0")
	})
}

// TestTargets_endsAtHome: a failure of the request at its own place ends the call, also if
// the call has been elsewhere before.
func TestTargets_endsAtHome(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{
		"a": func(n int) error {
			if n == 1 {
				return grpctest.Hinted(3 * time.Second)
			}
			return errNotFound
		},
		"b": h.until(10*time.Second, grpctest.Hinted(10*time.Second)),
	}
	run(t, h, func(p *program) {
		if _, took, err := p.call(); took != 3*time.Second || status.Code(err) != grpccodes.NotFound {
			p.Errorf("got %v after %v, want the failure of the request", err, took)
		}
		p.wantRequests("a2 b1 c0")
	}, interceptor.WithTargets(to("b")))
}

// TestTargets_callerEndsAtTarget: after the caller has ended, no retry is announced.
func TestTargets_callerEndsAtTarget(t *testing.T) {
	h := &house{answers: map[string]func(int) error{"a": refusing(grpctest.Hinted(30 * time.Second)), "b": func(int) error { time.Sleep(time.Minute); return nil }}}
	run(t, h, func(p *program) {
		ctx, cancel := context.WithCancel(p.Context())
		time.AfterFunc(time.Second, cancel)
		if _, took, err := p.callIn(ctx); took != time.Second || status.Code(err) != grpccodes.Canceled {
			p.Errorf("got %v after %v, want the caller's end", err, took)
		}
		if d := p.events.Events[1].Decision; d.Retry || d.Why != policy.CallerEnded {
			p.Errorf("got %+v, want no retry", d)
		}
		time.Sleep(2 * time.Minute) // until the server has noticed that nobody waits
	})
}

// TestTargets_firstMessageUnsent: a stream that begins at a target, which cannot take the
// first message, goes on also if the method must not run twice: nothing was sent.
func TestTargets_firstMessageUnsent(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{"a": h.until(10*time.Second, grpctest.Hinted(10*time.Second))}
	picky := to("b")
	picky.Adapt = func(ctx context.Context, req any) (context.Context, any, bool) {
		return withModel(ctx, "b"), nil, req == nil
	}
	runPlain(t, h, func(p *program) {
		in := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte("a")}}
		ctx, cancel := context.WithTimeout(withModel(p.Context(), "a"), time.Second)
		defer cancel()
		_, _ = testpb.NewTestServiceClient(p.conn).UnaryCall(ctx, in, interceptor.WithTargets()) // closes the gate
		p.wantRead("c", 0)
		p.wantRequests("a1 b0 c1")
	}, interceptor.WithTargets(picky, to("c")), interceptor.NotRepeatable(), byModel)
}
