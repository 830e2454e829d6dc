package explain

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// failing is a method whose calls fail with a status, again and again.
type failing struct {
	config  policy.Config
	method  string // empty for one that may run twice, and of which nothing else is known
	status  *status.Status
	trailer metadata.MD // that the server sends with it
	reach   codes.Reach // Answered: a server sends it; else it is what grpc-go says itself
}

// seen is what is compared: of each attempt, and of the call.
type seen struct {
	Class    codes.Class
	Rule     string
	Reach    codes.Reach
	Attempts []policy.Decision
	Outcome  interceptor.Outcome
}

// realCall is what a real interceptor has made of a call.
type realCall struct {
	seen
	err error
	log []string // its lines about the call
}

// path is the method that is called.
func (f *failing) path() string {
	if f.method == "" {
		return "/report.v1.Service/Call"
	}
	return f.method
}

// play calls the method in a bubble, of a real server over bufconn.
func (f *failing) play(t *testing.T, opts ...interceptor.Option) (p realCall) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		well := true // the first call, which shows that trailers arrive
		server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
			if err := stream.RecvMsg(&emptypb.Empty{}); err != nil {
				return err
			}
			if well {
				return stream.SendMsg(&emptypb.Empty{})
			}
			stream.SetTrailer(f.trailer)
			return f.status.Err()
		}))

		var log bytes.Buffer
		opts := append([]interceptor.Option{
			interceptor.WithConfig(f.config), interceptor.WithRand(func() float64 { return 0 }), interceptor.WithoutGate(), interceptor.WithMessages(),
			interceptor.WithSlog(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))),
			interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
				switch {
				case well:
				case e.Outcome != interceptor.Pending:
					p.Outcome = e.Outcome
				default:
					p.Class, p.Rule, p.Reach = e.Failure.Class, e.Failure.Rule, e.Failure.Reach
					p.Attempts = append(p.Attempts, policy.Decision{Retry: e.Decision.Retry, Wait: e.Decision.Wait, Why: e.Decision.Why})
				}
			}),
		}, opts...)
		if f.method == "" {
			opts = append(opts, interceptor.Repeatable())
		}
		dial := append(
			interceptor.DialOptions(opts...),
			grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
				if well || f.reach == codes.Answered {
					return invoke(ctx, method, req, reply, cc, opts...)
				}
				return f.leave(opts)
			}),
		)
		conn := grpctest.Connect(t, server, dial...)
		if err := conn.Invoke(t.Context(), f.path(), &emptypb.Empty{}, &emptypb.Empty{}); err != nil {
			t.Fatal(err)
		}
		well = false
		log.Reset()
		p.err = conn.Invoke(t.Context(), f.path(), &emptypb.Empty{}, &emptypb.Empty{})
		p.log = strings.Split(strings.TrimSpace(log.String()), "\n")
	})
	return p
}

// leave fails as grpc-go does by itself, and leaves what it leaves: a trailer that is
// empty if there was a stream, none if there was not, and the end of the call.
func (f *failing) leave(opts []grpc.CallOption) error {
	for _, o := range opts {
		switch o := o.(type) {
		case grpc.TrailerCallOption:
			if f.reach == codes.Lost {
				*o.TrailerAddr = metadata.MD{}
			}
		case grpc.OnFinishCallOption:
			o.OnFinish(f.status.Err())
		}
	}
	return f.status.Err()
}

// explained is what -explain says of a text.
func (f *failing) explained(t *testing.T, text, method string) (*Explanation, seen) {
	t.Helper()
	p, err := explain(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if method != "" {
		p.method = method
	}
	x, err := newExplanation(f.config, p)
	if err != nil {
		t.Fatal(err)
	}
	s := seen{Class: x.failure.Class, Rule: x.failure.Rule, Reach: x.failure.Reach}
	for _, at := range x.steps(100) {
		s.Attempts = append(s.Attempts, policy.Decision{Retry: at.first.Retry, Wait: at.first.Wait, Why: at.first.Why})
	}
	switch last := s.Attempts[len(s.Attempts)-1]; {
	case last.Why == policy.CallerEnded:
		s.Outcome = interceptor.Ended
	case len(s.Attempts) > 1:
		s.Outcome = interceptor.Exhausted
	default:
		s.Outcome = interceptor.NotRetried
	}
	return x, s
}

// agree fails the test unless -explain says of the text what the interceptor has done.
func (f *failing) agree(t *testing.T, text string, call realCall) {
	t.Helper()
	if _, got := f.explained(t, text, f.method); !cmp.Equal(call.seen, got) {
		t.Errorf("explained: %s\n(-the interceptor +explained):\n%s", text, cmp.Diff(call.seen, got))
	}
}

// agreeOnLog does so for the first line that the interceptor has logged, and for the text
// of its error, which name the method. Only the caller knew of a method that may run
// twice, so that there the waits are left out.
func (f *failing) agreeOnLog(t *testing.T, call realCall) {
	t.Helper()
	texts := []string{call.log[0]}
	if _, ok := errors.AsType[*interceptor.Error](call.err); ok { // any other is the server's, without its details
		texts = append(texts, call.err.Error())
	}
	for _, text := range texts {
		x, got := f.explained(t, text, "")
		if x.method != f.path() {
			t.Errorf("explained: %s\ngot the method %q, want %q", text, x.method, f.path())
		}
		want := call.seen
		if f.method == "" {
			want.Attempts, want.Outcome, got.Attempts, got.Outcome = nil, 0, nil, 0
		}
		if text != call.log[0] { // without a trailer, pushback and all, and without details
			want.Attempts, want.Outcome, got.Attempts, got.Outcome, got.Reach = nil, 0, nil, 0, want.Reach
		}
		if !cmp.Equal(want, got) {
			t.Errorf("explained: %s\n(-the interceptor +explained):\n%s", text, cmp.Diff(want, got))
		}
	}
}
