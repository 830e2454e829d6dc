package worlds_test

import (
	"flag"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

var (
	lifeSeed    = flag.Uint64("world.seed", 0, "the seed of the first world of TestWorldLives; 0 takes a new one")
	lifeN       = flag.Int("world.n", 0, "how many worlds TestWorldLives makes; 0 for 5,000, or 400 with -race")
	lifeOff     = flag.String("world.off", "", "what no world of TestWorldLives has, separated by commas: see lifeFeatures")
	lifeOnly    = flag.String("world.only", "", "the beginning of the kind of problem that TestWorldLives looks for")
	lifeShrinks = flag.Int("world.shrinks", 3, "how many worlds of each kind of problem are shrunk")
	lifeAgain   = flag.Int("world.again", 1, "how often each world is run: the order of goroutines is not part of it")
	lifeStop    = flag.Bool("world.stop", false, "stop at the first world that fails")
	lifeShow    = flag.Bool("world.show", false, "show on standard error how many worlds have been run")
)

// TestWorldLives makes random calls of all kinds through random servers and checks
// that what an attempt has taken was given back exactly once, however it has ended:
//
//   - the breaker is told of every attempt that it was asked for, once, and was asked
//     for every attempt;
//   - no gate waits for an answer that never comes: after minutes without calls there
//     is none, and the next call succeeds;
//   - the tokens of the budget are those that the retries which began and the successes
//     have left;
//   - a call ends once: for its caller, the observer and OnFinish;
//   - WithRefresh's function does not run twice at a time;
//   - no goroutine, timer, context or attempt is left;
//   - what arrives is the beginning of what was sent, in order and once.
//
// A world that fails is run again with ever fewer choices, and what is left of it is
// printed. To run a world again: -run 'TestWorldLives$' -world.n=1 -world.seed=SEED, and
// -world.again=1000 where it fails once in a while. -world.off=breaker,panic leaves out
// what is known to fail.
//
// With -race there are fewer worlds, because each is a bubble, and the race detector of
// Go 1.26 crashes after some 12,000 in a process, and because each takes ten times as
// long.
func TestWorldLives(t *testing.T) {
	n, first, batch, workers := 5000, *lifeSeed, 250, runtime.GOMAXPROCS(0)
	if grpctest.RaceEnabled {
		n, batch, workers = 400, 1, 1 // the detector blames whatever test is running
	}
	if *lifeN > 0 {
		n = *lifeN
	}
	if first == 0 {
		first = grpctest.Seed(t, 0)
	}
	report := newLifeReport()
	count, stop := showLife(n)
	defer stop()
	queue := make(chan uint64)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for from := range queue {
				to := min(from+uint64(batch), first+uint64(n)) //nolint:gosec // neither is negative
				if !t.Run(strconv.FormatUint(from, 10), func(t *testing.T) { report.run(t, from, to) }) {
					report.add(nil, from, []lifeProblem{{"the race detector, or the test itself", "see above"}}, nil)
				}
				count(int(to - from)) //nolint:gosec // it fits
			}
		})
	}
	for from := first; from < first+uint64(n) && !report.stopped(); from += uint64(batch) { //nolint:gosec // likewise
		queue <- from
	}
	close(queue)
	wg.Wait()
	report.print(t)
	if n >= 2000 && *lifeOff == "" && !report.stopped() {
		report.checkSeen(t)
	}
}
