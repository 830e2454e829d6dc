package main

import (
	"context"
	"math"
	"math/rand/v2"
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
	"github.com/reinvoke/reinvoke/policy"
)

// realServer is a simulated server behind a real one: a quota by fixed windows, or
// workers that are down for a while.
type realServer struct {
	testpb.UnimplementedTestServiceServer
	sc       *scenario
	begin    time.Time
	mu       sync.Mutex
	rng      *rand.Rand
	window   time.Duration
	used     int
	requests atomic.Int64
}

func (s *realServer) UnaryCall(context.Context, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	s.requests.Add(1)
	wait, err := s.answer()
	time.Sleep(wait)
	return &testpb.SimpleResponse{}, err
}

// answer returns after how long a request is answered, and how.
func (s *realServer) answer() (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Since(s.begin)
	switch {
	case !s.sc.quota && s.sc.down(now):
		return downAfter, status.Error(grpccodes.Unavailable, "down")
	case !s.sc.quota:
		return seconds(s.rng.ExpFloat64() * 0.1), nil
	}
	if w := now / time.Minute; w != s.window {
		s.window, s.used = w, 0
	}
	if s.used >= int(60*s.sc.capacity) {
		left := (s.window+1)*time.Minute - now
		st, err := status.New(grpccodes.ResourceExhausted, "quota").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(left)})
		if err != nil {
			return 0, err
		}
		return refusedAfter, st.Err()
	}
	s.used++
	return seconds(s.rng.ExpFloat64() * 2), nil
}

// playReal plays a scenario with real clients, and returns the share of the calls
// that succeeded and the requests per success.
func playReal(t *testing.T, sc *scenario, n int) (success, perSuccess float64) {
	t.Helper()
	var good, all atomic.Int64
	var requests int64
	synctest.Test(t, func(t *testing.T) {
		s := &realServer{sc: sc, begin: time.Now(), rng: rand.New(rand.NewPCG(1, 2))}
		srv := grpc.NewServer()
		testpb.RegisterTestServiceServer(srv, s)
		memory := grpctest.Start(srv)
		defer srv.Stop()
		var clients []testpb.TestServiceClient
		for range n {
			opts := interceptor.DialOptions(interceptor.WithConfig(policy.FleetConfig()), interceptor.Repeatable())
			conn, err := grpc.NewClient("passthrough:///fleet", append(opts, memory...)...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			clients = append(clients, testpb.NewTestServiceClient(conn))
		}
		w := &world{sc: sc, n: n, calls: rand.New(rand.NewPCG(1, 1))}
		var wg sync.WaitGroup
		for {
			wait := w.nextArrival()
			if w.now += wait; w.now >= sc.lasts {
				break
			}
			time.Sleep(wait)
			client := clients[w.calls.IntN(n)]
			all.Add(1)
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), sc.deadline)
				defer cancel()
				if _, err := client.UnaryCall(ctx, &testpb.SimpleRequest{}); err == nil {
					good.Add(1)
				}
			})
		}
		wg.Wait()
		requests = s.requests.Load()
	})
	return float64(good.Load()) / float64(all.Load()), float64(requests) / float64(good.Load())
}

// TestFleet_tellsTheTruth: ten real clients with the real interceptors and a real
// server do what ten simulated ones do, through a spent quota and through an outage.
func TestFleet_tellsTheTruth(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, which other tests have had")
	}
	all := scenarios()
	for _, i := range []int{1, 5} { // A2, B3
		sc := *all[i]
		sc.capacity = 20 // a tenth of the calls are enough
		sc.server = func(*world) server { return fixedWindow(1200, time.Minute, 2*time.Second) }
		if !sc.quota {
			sc.server = func(*world) server { return &workers{free: 1 << 20, service: 100 * time.Millisecond} }
		}
		t.Run(sc.name, func(t *testing.T) {
			m := run(&sc, 10, true, newReinvoke(policy.FleetConfig(), &sc, 10), 1)
			success, perSuccess := playReal(t, &sc, 10)
			t.Logf("success %.4f and %.4f, requests per success %.3f and %.3f (simulated and real)", m.success(), success, m.perSuccess(), perSuccess)
			if math.Abs(success-m.success()) > 0.005 {
				t.Errorf("success %.4f, simulated %.4f", success, m.success())
			}
			if math.Abs(perSuccess-m.perSuccess()) > 0.02 {
				t.Errorf("requests per success %.3f, simulated %.3f", perSuccess, m.perSuccess())
			}
		})
	}
}
