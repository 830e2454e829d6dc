package main

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
)

// ordinaryServer refuses the first calls, or large ones, and takes all others.
type ordinaryServer struct {
	testpb.UnimplementedTestServiceServer
	hints   []time.Duration // of the first calls
	large   bool            // large ones
	service time.Duration
	calls   atomic.Int64
}

func (s *ordinaryServer) UnaryCall(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	hint := time.Duration(0)
	switch n := int(s.calls.Add(1)); {
	case n <= len(s.hints):
		hint = s.hints[n-1]
	case s.large && len(in.GetPayload().GetBody()) > largest:
		hint = 38 * time.Second
	}
	if hint == 0 {
		time.Sleep(s.service)
		return &testpb.SimpleResponse{}, nil
	}
	time.Sleep(refusedAfter)
	st, err := status.New(grpccodes.ResourceExhausted, "quota").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(hint)})
	if err != nil {
		return nil, err
	}
	return nil, st.Err()
}

// playOrdinary makes calls to s through the real interceptor, 4 in a second, of which
// every 20th is large, and returns how many of all and of the small ones have failed.
func playOrdinary(t *testing.T, s *ordinaryServer, calls int, deadline time.Duration, opts ...interceptor.Option) (failed, smallFailed int) {
	t.Helper()
	var bad, smallBad atomic.Int64
	synctest.Test(t, func(t *testing.T) {
		srv := grpc.NewServer()
		testpb.RegisterTestServiceServer(srv, s)
		listener := bufconn.Listen(1 << 20)
		go func() { _ = srv.Serve(listener) }()
		defer srv.Stop()
		conn, err := grpc.NewClient("passthrough:///ordinary", append(
			interceptor.DialOptions(opts...),
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		)...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		var wg sync.WaitGroup
		for n := range calls {
			in := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: make([]byte, largest/2)}}
			large := s.large && n%20 == 7
			if large {
				in.Payload.Body = make([]byte, 20*largest)
			}
			wg.Go(func() {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, deadline)
				}
				defer cancel()
				if _, err := testpb.NewTestServiceClient(conn).UnaryCall(ctx, in); err != nil {
					bad.Add(1)
					if !large {
						smallBad.Add(1)
					}
				}
			})
			time.Sleep(250 * time.Millisecond)
		}
		wg.Wait()
	})
	return int(bad.Load()), int(smallBad.Load())
}

// TestFleet_tellsTheTruthOfOrdinaryPrograms: D1 and D2 with the real interceptor and a
// real server.
func TestFleet_tellsTheTruthOfOrdinaryPrograms(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, which other tests have had")
	}
	const s, ms = time.Second, time.Millisecond
	for _, c := range []struct {
		deadline, service time.Duration
		hints             []time.Duration
	}{
		{5 * s, quickly, []time.Duration{200 * ms, 200 * ms, 200 * ms}},
		{5 * s, quickly, []time.Duration{s, s}},
		{5 * s, quickly, []time.Duration{2 * s, 2 * s, 2 * s}},
		{5 * s, quickly, []time.Duration{10 * s, 10 * s, 10 * s}},
		{5 * s, quickly, []time.Duration{5 * s, 58 * s}},
		{5 * s, quickly, []time.Duration{38 * s, 38 * s}},
		{20 * s, slowly, []time.Duration{10 * s, 10 * s, 10 * s}},
		{20 * s, slowly, []time.Duration{38 * s, 38 * s}},
	} {
		failed, _ := playOrdinary(t, &ordinaryServer{hints: c.hints, service: c.service}, 240, c.deadline)
		without, _ := playOrdinary(t, &ordinaryServer{hints: c.hints, service: c.service}, 240, c.deadline, interceptor.WithoutGate())
		t.Logf("D1, hints %v, deadline %v, calls of %v: %d calls fail, without gate %d", c.hints, c.deadline, c.service, failed, without)
		if failed > 12 { // 10 in the mean
			t.Errorf("D1, hints %v, deadline %v, calls of %v: %d of 240 calls fail, want at most 12", c.hints, c.deadline, c.service, failed)
		}
	}
	for _, deadline := range []time.Duration{10 * s, time.Minute, 0} {
		_, failed := playOrdinary(t, &ordinaryServer{large: true, service: quickly}, 400, deadline)
		if failed > 0 {
			t.Errorf("D2, deadline %s: %d of 380 small calls fail, want none", within(deadline), failed)
		}
	}
}
