package main

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// ordinaryServer refuses some calls, and takes all others.
type ordinaryServer struct {
	testpb.UnimplementedTestServiceServer
	// refuses returns the hint with which call n is refused, counted from 1; 0 if it
	// is taken.
	refuses func(n int, in *testpb.SimpleRequest) time.Duration
	service time.Duration

	mu    sync.Mutex
	calls int
}

// firstCalls are refused with these hints.
func firstCalls(hints ...time.Duration) func(int, *testpb.SimpleRequest) time.Duration {
	return func(n int, _ *testpb.SimpleRequest) time.Duration {
		if n <= len(hints) {
			return hints[n-1]
		}
		return 0
	}
}

// largeCalls are refused.
func largeCalls(_ int, in *testpb.SimpleRequest) time.Duration {
	if isLarge(in) {
		return 38 * time.Second
	}
	return 0
}

func isLarge(in *testpb.SimpleRequest) bool { return len(in.GetPayload().GetBody()) > largest }

func (s *ordinaryServer) UnaryCall(_ context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	s.mu.Lock()
	s.calls++
	hint := s.refuses(s.calls, in)
	s.mu.Unlock()
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

// caller is a program that makes calls through the real interceptor.
type caller struct {
	server   *ordinaryServer
	calls    int
	every    func(n int) time.Duration // until the next call; nil for 250 ms
	large    bool                      // one call in 20 is
	deadline time.Duration             // 0 for none
}

// play returns how many of all calls and of the small ones have failed.
func (p caller) play(t *testing.T, opts ...interceptor.Option) (failed, smallFailed int) {
	t.Helper()
	var bad, smallBad atomic.Int64
	synctest.Test(t, func(t *testing.T) {
		srv := grpc.NewServer()
		testpb.RegisterTestServiceServer(srv, p.server)
		conn := grpctest.Connect(t, srv, interceptor.DialOptions(opts...)...)
		var wg sync.WaitGroup
		for n := range p.calls {
			in := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: make([]byte, largest/2)}}
			if p.large && n%20 == 7 {
				in.Payload.Body = make([]byte, 20*largest)
			}
			wg.Go(func() {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				if p.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, p.deadline)
				}
				defer cancel()
				if _, err := testpb.NewTestServiceClient(conn).UnaryCall(ctx, in); err != nil {
					bad.Add(1)
					if !isLarge(in) {
						smallBad.Add(1)
					}
				}
			})
			pause := 250 * time.Millisecond
			if p.every != nil {
				pause = p.every(n)
			}
			time.Sleep(pause)
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
		{s, quickly, []time.Duration{10 * s, 10 * s, 10 * s}},
		{s, quickly, []time.Duration{38 * s, 38 * s}},
		{s / 2, quickly, []time.Duration{38 * s, 38 * s}},
	} {
		play := func(opts ...interceptor.Option) int {
			s := &ordinaryServer{refuses: firstCalls(c.hints...), service: c.service}
			failed, _ := caller{server: s, calls: 240, deadline: c.deadline}.play(t, opts...)
			return failed
		}
		failed, without := play(), play(interceptor.WithoutGate())
		t.Logf("D1, hints %v, deadline %v, calls of %v: %d calls fail, without gate %d", c.hints, c.deadline, c.service, failed, without)
		if failed > 12 { // 10 in the mean
			t.Errorf("D1, hints %v, deadline %v, calls of %v: %d of 240 calls fail, want at most 12", c.hints, c.deadline, c.service, failed)
		}
	}
	for _, deadline := range []time.Duration{10 * s, time.Minute, 0} {
		s := &ordinaryServer{refuses: largeCalls, service: quickly}
		_, failed := caller{server: s, calls: 400, large: true, deadline: deadline}.play(t)
		if failed > 0 {
			t.Errorf("D2, deadline %s: %d of 380 small calls fail, want none", within(deadline), failed)
		}
	}
}
