package bench_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
)

// allocs returns the allocations of one run of f, or skips the test where
// they cannot be counted.
func allocs(t *testing.T, runs int, f func()) float64 {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector distorts allocations")
	}
	return testing.AllocsPerRun(runs, f)
}

func TestAlloc_happyPathAlone(t *testing.T) {
	for _, s := range subjects() {
		t.Run(s.name+" allocates nothing", func(t *testing.T) {
			unary, ctx, opts := s.unary(), t.Context(), []grpc.CallOption{grpc.WaitForReady(false)}
			req, reply := &testpb.SimpleRequest{}, &testpb.SimpleResponse{}
			got := allocs(t, 1000, func() {
				if err := unary(ctx, method, req, reply, nil, succeed, opts...); err != nil {
					t.Fatal(err)
				}
			})
			if got != 0 {
				t.Errorf("%v allocations per call, want 0", got)
			}
		})
	}
}

// TestAlloc_manyCallOptions: more options than usual make the pooled array
// grow once, not in every call.
func TestAlloc_manyCallOptions(t *testing.T) {
	unary, ctx := interceptor.New().Unary(), t.Context()
	opts := make([]grpc.CallOption, 20)
	for i := range opts {
		opts[i] = grpc.WaitForReady(false)
	}
	got := allocs(t, 1000, func() {
		if err := unary(ctx, method, nil, nil, nil, succeed, opts...); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations per call, want 0", got)
	}
}

func TestAlloc_oneRetryAlone(t *testing.T) {
	for _, s := range subjects(noWait(), interceptor.WithoutBudget())[1:] {
		t.Run(s.name+" allocates the context of the retry", func(t *testing.T) {
			unary, ctx, invoker := s.unary(), t.Context(), failOnce()
			req, reply := &testpb.SimpleRequest{}, &testpb.SimpleResponse{}
			got := allocs(t, 1000, func() {
				if err := unary(ctx, method, req, reply, nil, invoker); err != nil {
					t.Fatal(err)
				}
			})
			if got > 1 {
				t.Errorf("%v allocations per call with one retry, want at most 1", got)
			}
		})
	}
}

func TestAlloc_streamMessage(t *testing.T) {
	stream := openAlone(t, subjects()[1].stream())
	m := &testpb.StreamingOutputCallResponse{}
	got := allocs(t, 1000, func() {
		if err := stream.RecvMsg(m); err != nil {
			t.Fatal(err)
		}
	})
	if got != 0 {
		t.Errorf("%v allocations per message, want 0", got)
	}
}

// TestAlloc_streamOpen: the stream that the caller holds, what is kept until
// the first message, and the encoded request.
func TestAlloc_streamOpen(t *testing.T) {
	perStream := func(s subject) float64 {
		m, open := &testpb.StreamingOutputCallResponse{}, s.stream()
		return allocs(t, 1000, func() {
			if err := openAlone(t, open).RecvMsg(m); err != nil {
				t.Fatal(err)
			}
		})
	}
	all := subjects()
	if got := perStream(all[1]) - perStream(all[0]); got > 3 {
		t.Errorf("%v allocations more than the bare stream's, want at most 3", got)
	}
}

// TestAlloc_endToEnd compares whole calls, the server's side included. grpc
// itself copies the trailer for whoever asks for it: those are the two
// allocations that watching may cost.
func TestAlloc_endToEnd(t *testing.T) {
	perCall := func(s subject) float64 {
		client := testpb.NewTestServiceClient(serve(t, "bufconn", s))
		ctx, req := context.Background(), &testpb.SimpleRequest{}
		return allocs(t, 2000, func() {
			if _, err := client.UnaryCall(ctx, req); err != nil {
				t.Fatal(err)
			}
		})
	}
	all := subjects()
	none := perCall(all[0])
	for i, ceiling := range []float64{2, 0} {
		s := all[i+1]
		if got := perCall(s) - none; got > ceiling+0.5 { // the server's goroutines do not all end within a run
			t.Errorf("%s: %.2f allocations more than the bare call's %.2f, want at most %v", s.name, got, none, ceiling)
		}
	}
}
