package streams_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestStream_cutConnections has a proxy between that resets connections at
// random, on loopback TCP.
func TestStream_cutConnections(t *testing.T) {
	seed := grpctest.Seed(t, 0)
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a test has to be repeatable, not secret
	s := &grpctest.Server{Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		for i := range 20 {
			if err := out.Send(grpctest.Chunk(grpctest.Tag(n, i) + "/" + strings.Repeat("x", 1000))); err != nil {
				return err
			}
		}
		return nil
	}}
	quick := policy.Policy{Retries: 5, Base: time.Millisecond, Max: 2 * time.Millisecond, Multiplier: 1}
	recovered := 0
	for range 100 {
		proxy := newProxy(t, s)
		for range r.IntN(4) {
			proxy.cutAfter(r.IntN(200) + r.IntN(2)*r.IntN(20_000))
		}
		conn := proxy.connect(t, interceptor.Repeatable(), interceptor.WithPolicy(codes.Network, quick), interceptor.WithPolicy(codes.Server, quick))
		stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod)
		if err != nil {
			t.Fatalf("NewStream: %v", err)
		}
		var got grpctest.Shown
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := stream.SendMsg(grpctest.Ask("as sent")); err != nil {
				t.Errorf("SendMsg: %v", err)
			}
			_ = stream.CloseSend()
		})
		if r.IntN(2) == 0 {
			wg.Go(func() { _, _ = stream.Header() })
		}
		got.Bodies, got.Err = grpctest.Drain(stream)
		wg.Wait()
		for i, body := range got.Bodies {
			got.Bodies[i] = strings.TrimRight(body, "/x")
		}
		got.WantOfOneAttempt(t)
		switch {
		case got.Err == nil && len(got.Bodies) != 20:
			t.Errorf("the stream ended well with %d messages, want 20", len(got.Bodies))
		case got.Err != nil && status.Code(got.Err) != grpccodes.Unavailable:
			t.Errorf("the stream ended with %v, want UNAVAILABLE", got.Err)
		case got.Err == nil && proxy.cuts() > 0:
			recovered++
		}
		if errors.Is(got.Err, io.EOF) || t.Failed() {
			t.FailNow()
		}
		_ = conn.Close()
		proxy.close()
	}
	if recovered == 0 {
		t.Error("no stream of 100 recovered from a cut")
	}
}
