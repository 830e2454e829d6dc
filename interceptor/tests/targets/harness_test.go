// Package targets_test has the tests of calls with other places to go to.
package targets_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// house serves models by name: the payload of a request names the model.
type house struct {
	began time.Time
	// answers has the answer of each model to its nth request, counted from 1. A model
	// without an answer accepts.
	answers map[string]func(n int) error

	mu       sync.Mutex
	requests map[string][]time.Duration // when each model was asked, since began
	params   []string                   // the routing headers
}

// ask counts a request and returns the model's answer.
func (h *house) ask(ctx context.Context, model string) error {
	h.mu.Lock()
	if h.requests == nil {
		h.requests = map[string][]time.Duration{}
	}
	h.requests[model] = append(h.requests[model], time.Since(h.began))
	n := len(h.requests[model])
	md, _ := metadata.FromIncomingContext(ctx)
	h.params = append(h.params, md.Get("x-goog-request-params")...)
	answer := h.answers[model]
	h.mu.Unlock()
	if answer == nil {
		return nil
	}
	return answer(n)
}

// asked returns when a model was asked.
func (h *house) asked(model string) []time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests[model])
}

// server returns the server of the house.
func (h *house) server() *grpctest.Server {
	return &grpctest.Server{
		Unary: func(ctx context.Context, _ int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			model := string(in.GetPayload().GetBody())
			if err := h.ask(ctx, model); err != nil {
				return nil, err
			}
			return &testpb.SimpleResponse{Username: model}, nil
		},
		Stream: func(_ int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			model := string(in.GetPayload().GetBody())
			if err := h.ask(out.Context(), model); err != nil {
				return err
			}
			return out.Send(grpctest.Chunk(model))
		},
	}
}

// refusing answers every request with err.
func refusing(err error) func(int) error { return func(int) error { return err } }

// first answers the first request with err, and accepts the others.
func first(err error) func(int) error {
	return func(n int) error {
		if n == 1 {
			return err
		}
		return nil
	}
}

// until answers with err until d after the beginning.
func (h *house) until(d time.Duration, err error) func(int) error {
	return func(int) error {
		if time.Since(h.began) < d {
			return err
		}
		return nil
	}
}

// errPerDay is the refusal by a quota of the day.
var errPerDay = status.Error(grpccodes.ResourceExhausted, "Quota exceeded for quota metric 'requests' and limit 'requests per day'.")

// errNotFound says that a model has not what was asked for.
var errNotFound = status.Error(grpccodes.NotFound, "no such cached content")

// to returns the target of another model behind the same connection.
func to(model string) interceptor.Target {
	return interceptor.Target{Name: model, Adapt: func(ctx context.Context, req any) (context.Context, any, bool) {
		ctx = withModel(ctx, model)
		switch m := req.(type) {
		case *testpb.SimpleRequest:
			return ctx, &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte(model)}, FillUsername: m.GetFillUsername()}, true
		case *testpb.StreamingOutputCallRequest:
			other := proto.CloneOf(m)
			other.Payload = &testpb.Payload{Body: []byte(model)}
			return ctx, other, true
		}
		return ctx, nil, true
	}}
}

// withModel sets the routing header.
func withModel(ctx context.Context, model string) context.Context {
	md, _ := metadata.FromOutgoingContext(ctx)
	md = md.Copy()
	if md == nil {
		md = metadata.MD{}
	}
	md.Set("x-goog-request-params", "model="+model)
	return metadata.NewOutgoingContext(ctx, md)
}

// program is a client of a house.
type program struct {
	*testing.T
	h       *house
	conn    *grpc.ClientConn
	retrier *interceptor.Retrier
	events  retrytest.Watcher
	journal retrytest.Journal
}

// run runs f in a bubble, with a client of h whose calls of model a may go to b and to c,
// and may run twice.
func run(t *testing.T, h *house, f func(p *program), opts ...interceptor.Option) {
	t.Helper()
	runPlain(t, h, f, append([]interceptor.Option{interceptor.Repeatable()}, opts...)...)
}

// runPlain is run for a method of which nothing is known.
func runPlain(t *testing.T, h *house, f func(p *program), opts ...interceptor.Option) {
	t.Helper()
	runOn(t, h, h.server(), f, opts...)
}

// runOn is runPlain with a server of its own.
func runOn(t *testing.T, h *house, server testpb.TestServiceServer, f func(p *program), opts ...interceptor.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h.began = time.Now()
		p := &program{T: t, h: h}
		opts = append([]interceptor.Option{
			interceptor.WithTargets(to("b"), to("c")),
			interceptor.WithObserver(p.events.Observe), interceptor.WithLogger(&p.journal),
		}, opts...)
		p.retrier = interceptor.New(append([]interceptor.Option{interceptor.WithRand(retrytest.NoSpread)}, opts...)...)
		p.conn = grpctest.Serve(t, server, p.retrier.DialOptions()...)
		f(p)
	})
}

// call makes a call of model a, and returns the model that has answered, the time it took,
// and the error.
func (p *program) call(opts ...grpc.CallOption) (model string, took time.Duration, err error) {
	return p.callIn(p.Context(), opts...)
}

// callIn is call in a context.
func (p *program) callIn(ctx context.Context, opts ...grpc.CallOption) (model string, took time.Duration, err error) {
	began := time.Now()
	reply, err := testpb.NewTestServiceClient(p.conn).UnaryCall(withModel(ctx, "a"), &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte("a")}}, opts...)
	return reply.GetUsername(), time.Since(began), err
}

// want makes a call and fails the test unless model answers after took.
func (p *program) want(model string, took time.Duration) {
	p.Helper()
	got, after, err := p.call()
	if err != nil || got != model || after != took {
		p.Errorf("got %q after %v, %v: want %q after %v", got, after, err, model, took)
	}
}

// wantRequests fails the test unless the models were asked so often.
func (p *program) wantRequests(want string) {
	p.Helper()
	got := fmt.Sprintf("a%d b%d c%d", len(p.h.asked("a")), len(p.h.asked("b")), len(p.h.asked("c")))
	if got != want {
		p.Errorf("requests: got %s, want %s", got, want)
	}
}

// byModel lets all methods of a model share a gate.
var byModel = interceptor.WithGateKey(func(ctx context.Context, _ string) string {
	md, _ := metadata.FromOutgoingContext(ctx)
	return md.Get("x-goog-request-params")[0]
})
