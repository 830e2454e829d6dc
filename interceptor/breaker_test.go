package interceptor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// fuse is a breaker that opens after so many failures.
type fuse struct {
	failures int
	allowed  int
	told     []error
}

var errBlown = errors.New("blown")

func (f *fuse) Allow() (func(error), error) {
	if f.failures <= 0 {
		return nil, errBlown
	}
	f.allowed++
	return func(err error) {
		f.told = append(f.told, err)
		if err != nil {
			f.failures--
		}
	}, nil
}

// TestBreaker_isAskedAndTold: it is asked before every attempt and told how each
// ended; while it is open no attempt is made, and the error says so.
func TestBreaker_isAskedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fuse{failures: 3}
		s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithBreaker(f))...)
		_, err := grpctest.CallUnary(t.Context(), conn, interceptor.Repeatable())
		var final *interceptor.Error
		if !errors.As(err, &final) || final.Why != policy.BreakerOpen || !errors.Is(err, errBlown) {
			t.Fatalf("got %v, want the breaker", err)
		}
		if status.Code(err) != grpccodes.Unavailable || len(final.Attempts) != 3 || s.Attempts() != 3 {
			t.Errorf("got %v with %d attempts, want the server's status after 3", err, len(final.Attempts))
		}
		_, err = grpctest.CallUnary(t.Context(), conn, interceptor.Repeatable())
		if !errors.As(err, &final) || status.Code(err) != grpccodes.Unavailable || len(final.Attempts) != 0 || !errors.Is(err, errBlown) {
			t.Errorf("got %v, want UNAVAILABLE at once", err)
		}
		if s.Attempts() != 3 || len(f.told) != f.allowed {
			t.Errorf("the server saw %d attempts, the breaker was told of %d of %d", s.Attempts(), len(f.told), f.allowed)
		}
	})
}

// TestBreaker_countsTheServersFailuresAlone: a request that is wrong is an answer
// of a server that works.
func TestBreaker_countsTheServersFailuresAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			err   error
			fails bool
		}{
			{status.Error(grpccodes.InvalidArgument, "no"), false},
			{status.Error(grpccodes.PermissionDenied, "no"), false},
			{status.Error(grpccodes.ResourceExhausted, "no"), false},
			{grpctest.ErrOverloaded, true},
			{status.Error(grpccodes.DeadlineExceeded, "no"), true},
		} {
			f := &fuse{failures: 10}
			conn := grpctest.Serve(t, &grpctest.Server{Unary: grpctest.RefuseAlways(c.err)}, retrytest.DialOptions(interceptor.WithBreaker(f))...)
			_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
			if len(f.told) != 1 || (f.told[0] != nil) != c.fails {
				t.Errorf("%v: the breaker was told %v, want a failure: %v", c.err, f.told, c.fails)
			}
		}
	})
}

// TestBreaker_streamsAndFunctions: a stream is told of with its first message, and
// a function when it has returned.
func TestBreaker_streamsAndFunctions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fuse{failures: 10}
		r := interceptor.New(interceptor.WithBreaker(f))
		s := &grpctest.Server{Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if n == 1 {
				return grpctest.ErrOverloaded
			}
			return out.Send(&testpb.StreamingOutputCallResponse{})
		}}
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{}, interceptor.Repeatable())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		if len(f.told) != 2 || f.told[0] == nil || f.told[1] != nil {
			t.Errorf("after the first message the breaker was told %v, want a failure and a success", f.told)
		}
		_, _ = stream.Recv()
		_ = r.Do(t.Context(), "f", func(context.Context) error { return nil })
		if len(f.told) != 3 || f.allowed != 3 {
			t.Errorf("the breaker was told %v of %d, want three", f.told, f.allowed)
		}
	})
}
