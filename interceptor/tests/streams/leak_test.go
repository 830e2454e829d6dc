package streams_test

import (
	"context"
	"reflect"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// children returns how many contexts hang on one that was made with
// context.WithCancel.
func children(t *testing.T, ctx context.Context) int { //nolint:revive // t comes first
	t.Helper()
	field := reflect.ValueOf(ctx).Elem().FieldByName("children")
	if field.Kind() != reflect.Map {
		t.Skip("this version of Go keeps the children of a context elsewhere")
	}
	return field.Len()
}

// uses are ways to end with a stream.
var uses = []struct {
	name   string
	handle grpctest.StreamHandler
	use    func(stream grpc.ClientStream, cancel func())
	alive  bool // the caller's context is still
}{
	{"read to its end", grpctest.FailFirst(nil, "one", "two"), func(stream grpc.ClientStream, _ func()) { _, _ = grpctest.Drain(stream) }, true},
	{"recovered and read to its end", grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded}, "one", "two"), func(stream grpc.ClientStream, _ func()) { _, _ = grpctest.Drain(stream) }, true},
	{"empty after a retry", grpctest.FailFirst([]error{grpctest.ErrOverloaded}), func(stream grpc.ClientStream, _ func()) { _, _ = grpctest.Drain(stream) }, true},
	{"failed for good", grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded}), func(stream grpc.ClientStream, _ func()) { _, _ = grpctest.Drain(stream) }, true},
	{"failed for good inside Header", grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded}), func(stream grpc.ClientStream, _ func()) { _, _ = stream.Header() }, true},
	{"failed midway", grpctest.Slowly(1, 1, grpctest.ErrOverloaded), func(stream grpc.ClientStream, _ func()) { _, _ = grpctest.Drain(stream) }, true},
	{"never looked at", grpctest.Hang(0, 0), func(_ grpc.ClientStream, cancel func()) { cancel() }, false},
	{"cancelled during a wait", grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded}), func(stream grpc.ClientStream, cancel func()) {
		time.AfterFunc(time.Second, cancel)
		_, _ = grpctest.Receive(stream)
	}, false},
	{"cancelled while a retry has not answered", grpctest.Hang(1, 0), func(stream grpc.ClientStream, cancel func()) {
		time.AfterFunc(time.Minute, cancel)
		_, _ = grpctest.Receive(stream)
	}, false},
	{"abandoned after the first message of a retry", grpctest.Hang(1, 1), func(stream grpc.ClientStream, cancel func()) {
		_, _ = grpctest.Receive(stream)
		cancel()
	}, false},
}

// TestStream_leavesNothing looks at what is left of streams while their
// connection and their parent context go on.
func TestStream_leavesNothing(t *testing.T) {
	for _, tt := range uses {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Stream: func(int, *testpb.StreamingOutputCallRequest, testpb.TestService_StreamingOutputCallServer) error {
				return nil
			}}
			var l grpctest.Ledger
			u := retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithoutBudget()}, Dial: []grpc.DialOption{grpc.WithStatsHandler(&l)}}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				parent, end := context.WithCancel(t.Context())
				defer end()
				_, _ = grpctest.Drain(grpctest.Open(t, parent, conn)) // connects
				synctest.Wait()
				before, hanging := runtime.NumGoroutine(), children(t, parent)
				s.Stream = tt.handle
				for range 20 {
					s.Reset()
					ctx, cancel := parent, func() {}
					if !tt.alive {
						ctx, cancel = context.WithCancel(parent)
					}
					tt.use(grpctest.Open(t, ctx, conn), cancel)
				}
				synctest.Wait()
				if got := runtime.NumGoroutine(); got > before+5 { // the runtime may have begun one of its own
					t.Errorf("%d goroutines more than before", got-before)
				}
				if got := children(t, parent); got > hanging {
					t.Errorf("%d contexts more than before hang on the caller's", got-hanging)
				}
				if begun, ended := l.Counts(); begun != ended {
					t.Errorf("%d attempts have begun, and %d ended", begun, ended)
				}
			})
		})
	}
}

// TestStream_leavesNothingOverTCP is the same for real connections and the
// runtime's own clock.
func TestStream_leavesNothingOverTCP(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst(nil)}
	p := newProxy(t, s)
	quick := policy.Policy{Retries: 3, Base: time.Millisecond, Max: time.Millisecond, Multiplier: 1}
	conn := p.connect(t, interceptor.Repeatable(), interceptor.WithPolicy(codes.Server, quick))
	_, _ = grpctest.Drain(grpctest.Open(t, t.Context(), conn))
	before := runtime.NumGoroutine()
	s.Stream = grpctest.Hang(2, 1)
	for i := range 20 {
		s.Reset()
		ctx, cancel := context.WithCancel(t.Context())
		stream := grpctest.Open(t, ctx, conn)
		if i%2 == 0 {
			grpctest.WantBody(t, stream, "one")
		}
		cancel()
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+5; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines more than before:\n%s", runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// failing is a stream whose RecvMsg an interceptor on the right fails by
// itself, while the stream below goes on.
type failing struct {
	grpc.ClientStream
	err error
}

func (s *failing) RecvMsg(any) error { return s.err }

// TestStream_attemptsThatDidNotWinAreCancelled looks at the context of every
// attempt, from the right and from the server.
func TestStream_attemptsThatDidNotWinAreCancelled(t *testing.T) {
	t.Run("those that the server has failed", func(t *testing.T) {
		var right grpctest.Attempts
		var l grpctest.Ledger
		s := &grpctest.Server{Stream: grpctest.Hang(3, 1)}
		u := retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{right.Intercept}, Dial: []grpc.DialOption{grpc.WithStatsHandler(&l)}}
		u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			ctx, cancel := context.WithCancel(t.Context())
			stream := grpctest.Open(t, ctx, conn)
			grpctest.WantBody(t, stream, "one")
			all := right.All()
			if len(all) != 4 {
				t.Fatalf("got %d attempts, want 4", len(all))
			}
			for i, a := range all {
				won := i == 3
				if a.Stream.Context().Err() != nil == won {
					t.Errorf("attempt %d: the context of its stream: %v, want it done: %v", i+1, a.Stream.Context().Err(), !won)
				}
				if i > 0 && a.Ctx.Err() != nil == won { // the first is given the caller's own
					t.Errorf("attempt %d: its context: %v, want it done: %v", i+1, a.Ctx.Err(), !won)
				}
			}
			if begun, ended := l.Counts(); begun != 4 || ended != 3 {
				t.Errorf("%d attempts have begun and %d ended, want 4 and 3", begun, ended)
			}
			cancel()
			synctest.Wait()
			if begun, ended := l.Counts(); begun != ended {
				t.Errorf("after the end: %d attempts have begun and %d ended", begun, ended)
			}
		})
	})
	t.Run("those that an interceptor on the right has failed", func(t *testing.T) {
		n := 0
		right := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			n++
			stream, err := streamer(ctx, desc, cc, method, opts...)
			if n == 2 || n == 3 {
				return &failing{stream, grpctest.ErrOverloaded}, err
			}
			return stream, err
		}
		ended := 0
		s := &grpctest.Server{Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			defer func() { ended++ }()
			return grpctest.Hang(1, 1)(n, in, out)
		}}
		retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{right}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			grpctest.WantBody(t, grpctest.Open(t, ctx, conn), "one")
			synctest.Wait()
			if reached := s.Attempts(); n != 4 || ended != reached-1 { // one that is cancelled at once may never get there
				t.Errorf("of %d attempts %d have reached the server and %d have ended there, want all but one", n, reached, ended)
			}
		})
	})
	t.Run("all of them at the end", func(t *testing.T) {
		var right grpctest.Attempts
		s := &grpctest.Server{Stream: grpctest.Slowly(1, 2, grpctest.ErrOverloaded)}
		retrytest.Setup{Options: retrytest.Repeatable, Right: []grpc.StreamClientInterceptor{right.Intercept}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			_, _ = grpctest.Drain(grpctest.Open(t, t.Context(), conn))
			for i, a := range right.All() {
				if a.Stream.Context().Err() == nil || (i > 0 && a.Ctx.Err() == nil) {
					t.Errorf("attempt %d is still alive", i+1)
				}
			}
		})
	})
}
