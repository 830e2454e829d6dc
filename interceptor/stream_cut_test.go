package interceptor_test

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
	"github.com/reinvoke/reinvoke/policy"
)

// TestStream_cutConnections has a proxy between that resets connections at
// random, on loopback TCP.
func TestStream_cutConnections(t *testing.T) {
	seed := seedOf(t, 0)
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a test has to be repeatable, not secret
	s := &server{stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		for i := range 20 {
			if err := out.Send(chunk(tag(n, i) + "/" + strings.Repeat("x", 1000))); err != nil {
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
		stream, err := conn.NewStream(t.Context(), serverStreamDesc, streamMethod)
		if err != nil {
			t.Fatalf("NewStream: %v", err)
		}
		var got shown
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := stream.SendMsg(ask("as sent")); err != nil {
				t.Errorf("SendMsg: %v", err)
			}
			_ = stream.CloseSend()
		})
		if r.IntN(2) == 0 {
			wg.Go(func() { _, _ = stream.Header() })
		}
		got.bodies, got.err = drain(stream)
		wg.Wait()
		for i, body := range got.bodies {
			got.bodies[i] = strings.TrimRight(body, "/x")
		}
		got.wantOfOneAttempt(t)
		switch {
		case got.err == nil && len(got.bodies) != 20:
			t.Errorf("the stream ended well with %d messages, want 20", len(got.bodies))
		case got.err != nil && status.Code(got.err) != grpccodes.Unavailable:
			t.Errorf("the stream ended with %v, want UNAVAILABLE", got.err)
		case got.err == nil && proxy.cuts() > 0:
			recovered++
		}
		if errors.Is(got.err, io.EOF) || t.Failed() {
			t.FailNow()
		}
		_ = conn.Close()
		proxy.close()
	}
	if recovered == 0 {
		t.Error("no stream of 100 recovered from a cut")
	}
}
