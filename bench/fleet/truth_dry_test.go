package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
)

// someCalls are refused at random.
func someCalls(share float64, hint time.Duration) func(int, *testpb.SimpleRequest) time.Duration {
	dice := rand.New(rand.NewPCG(1, 1)) // a scene is the same every time
	return func(int, *testpb.SimpleRequest) time.Duration {
		if dice.Float64() < share {
			return hint
		}
		return 0
	}
}

// callsOfAMinute takes 480 calls a minute, and names a time that is so many times what
// is left of it.
func callsOfAMinute(times float64) func(int, *testpb.SimpleRequest) time.Duration {
	var from time.Time
	taken := 0
	return func(int, *testpb.SimpleRequest) time.Duration {
		now := time.Now()
		if from.IsZero() || now.Sub(from) >= time.Minute {
			from, taken = now, 0
		}
		if taken++; taken <= 480 {
			return 0
		}
		return max(time.Duration(times*float64(from.Add(time.Minute).Sub(now))), time.Second)
	}
}

// plays are so many that the mean of what they find differs from that of the next such
// number by a few calls, where one play may find twice what another does: the gate draws
// lots. The row that comes near its bound has manyPlays.
const plays, manyPlays = 8, 40

// TestFleet_dryRun: where a server refuses few calls, or names wrong times, a dry run
// finds next to no call that the gate would have held for nothing, in the mean of several
// plays.
func TestFleet_dryRun(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, which other tests have had")
	}
	const s, ms = time.Second, time.Millisecond
	// A scene is set up anew for every play: its server remembers.
	first := func(deadline time.Duration, hints ...time.Duration) func() caller {
		return func() caller {
			return caller{server: &ordinaryServer{refuses: firstCalls(hints...), service: quickly}, calls: 240, deadline: deadline}
		}
	}
	large := func(deadline time.Duration) func() caller {
		return func() caller {
			return caller{server: &ordinaryServer{refuses: largeCalls, service: quickly}, calls: 400, large: true, deadline: deadline}
		}
	}
	burst := func(times float64) func() caller {
		return func() caller {
			return caller{
				server: &ordinaryServer{refuses: callsOfAMinute(times), service: quickly}, calls: 1920, deadline: time.Minute,
				every: func(n int) time.Duration { // a minute, a minute with four times as many, and three more
					if n >= 240 && n < 1200 {
						return 62500 * time.Microsecond
					}
					return 250 * ms
				},
			}
		}
	}
	random := func(share float64, hint, deadline time.Duration) func() caller {
		return func() caller {
			return caller{
				server: &ordinaryServer{refuses: someCalls(share, hint), service: quickly}, calls: 1800, deadline: deadline,
				every: func(int) time.Duration { return s / 30 },
			}
		}
	}
	for _, c := range []struct {
		name  string
		scene func() caller
		most  int64 // calls in vain
		least int64 // calls that are refused, as the gate would have had it
		close bool  // to most, in the mean
	}{
		// Some of the first calls are refused, and so are the first scouts: four seconds.
		{"D1, 200 ms", first(5*s, 200*ms, 200*ms, 200*ms), 8, 0, false},
		{"D1, 2 s", first(5*s, 2*s, 2*s, 2*s), 60, 0, false},
		{"D1, 10 s", first(5*s, 10*s, 10*s, 10*s), 60, 0, false},
		{"D1, 5 s and 58 s", first(5*s, 5*s, 58*s), 60, 0, false},
		{"D1, 38 s", first(5*s, 38*s, 38*s), 60, 0, false},
		{"D1, 38 s, without deadline", first(0, 38*s, 38*s), 60, 0, false},
		{"D2, 10 s", large(10 * s), 4, 0, false},
		{"D2, without deadline", large(0), 4, 0, false},
		// A quota that is out: who comes first in a new minute goes before those of the last.
		{"D3, right", burst(1), 400, 600, false},
		{"D3, ten times too long", burst(10), 800, 400, false},
		{"D3, ten times too short", burst(0.1), 100, 400, false},
		{"D4, 5 %, 50 ms", random(0.05, 50*ms, 5*s), 90, 0, false},
		{"D4, 20 %, 50 ms", random(0.2, 50*ms, 5*s), 90, 0, false},
		{"D4, 5 %, 1 s", random(0.05, s, 5*s), 90, 0, true},
		{"D4, 2 %, 10 s", random(0.02, 10*s, time.Minute), 90, 0, false},
	} {
		var inVain, rightly atomic.Int64
		calls, times := 0, int64(plays)
		if c.close {
			times = manyPlays
		}
		for range times {
			play := c.scene()
			calls = play.calls
			_, _ = play.play(t, interceptor.WithGateDryRun(), interceptor.WithLogLimit(0), interceptor.WithLogger(
				logging.LoggerFunc(func(_ context.Context, _ logging.Level, msg string, _ ...any) {
					switch {
					case !strings.Contains(msg, "would have"):
					case strings.HasSuffix(msg, "it succeeded"):
						inVain.Add(1)
					default:
						rightly.Add(1)
					}
				})))
		}
		inVainMean, rightlyMean := inVain.Load()/times, rightly.Load()/times
		t.Logf("%s: %d calls in vain, %d rightly", c.name, inVainMean, rightlyMean)
		if inVainMean > c.most {
			t.Errorf("%s: the gate would have held %d calls of %d in vain, want at most %d", c.name, inVainMean, calls, c.most)
		}
		if rightlyMean < c.least {
			t.Errorf("%s: the gate would have held %d calls rightly, want at least %d", c.name, rightlyMean, c.least)
		}
	}
}
