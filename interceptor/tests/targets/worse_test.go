package targets_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// weather is what becomes of a model's requests in the course of time.
type weather []spell

// spell is a time of one weather.
type spell struct {
	until time.Duration
	err   error
	share float64 // of requests refused
	hint  bool    // err names the time until the end of the spell
}

// newWeather returns random weather for a model.
func newWeather(r *rand.Rand) (w weather) {
	for now := time.Duration(0); now < 3*time.Minute; {
		s := spell{until: now + time.Duration(1+r.IntN(40))*time.Second, share: 1}
		switch r.IntN(7) {
		case 0, 1:
			s.hint = true
		case 2:
			s.err, s.share = grpctest.ErrOverloaded, []float64{1, 0.3}[r.IntN(2)]
		case 3:
			if r.IntN(3) == 0 { // for the rest of the day
				s.err, s.until = errPerDay, time.Hour
			}
		case 4:
			s.err = grpctest.Hinted(time.Duration(1+r.IntN(40)) * time.Second) // wrong
			s.share = []float64{1, 0.2}[r.IntN(2)]
		}
		w, now = append(w, s), s.until
	}
	return w
}

// answer returns the answer of a model.
func (h *house) answer(w weather, r *rand.Rand) func(int) error {
	return func(int) error {
		now := time.Since(h.began)
		for _, s := range w {
			if now >= s.until || r.Float64() >= s.share {
				if now < s.until {
					return nil
				}
				continue
			}
			if s.hint {
				return grpctest.Hinted(s.until - now)
			}
			return s.err
		}
		return nil
	}
}

// TestTargets_neverWorse: in random weather a program with another target does better than
// without, and in no weather much worse: calls that had a good minute elsewhere have no
// tokens left for the next, as it happens.
func TestTargets_neverWorse(t *testing.T) {
	const worlds = 40
	seed := grpctest.Seed(t, 0)
	var with, without int64
	for n := range uint64(worlds) {
		r := rand.New(rand.NewPCG(seed+n, 1)) //nolint:gosec // repeatable, not secret
		program := outing{
			weather: map[string]weather{"a": newWeather(r), "b": newWeather(r)}, seed: seed + n,
			deadline: grpctest.Of(r, 3*time.Second, 10*time.Second, time.Minute), every: grpctest.Of(r, 250*time.Millisecond, 2*time.Second),
		}
		alone, both := program.succeed(t, interceptor.WithTargets()), program.succeed(t, interceptor.WithTargets(to("b")))
		if float64(both) < 0.7*float64(alone)-5 {
			t.Errorf("seed %d: %d of %d calls succeed with a target, %d without", seed+n, both, 3*time.Minute/program.every, alone)
		}
		with, without = with+both, without+alone
	}
	if t.Logf("%d calls succeed with a target, %d without", with, without); with < without {
		t.Errorf("%d calls succeed with a target, %d without", with, without)
	}
}

// outing is a program of three minutes.
type outing struct {
	weather         map[string]weather
	deadline, every time.Duration // of the calls
	seed            uint64
}

// succeed returns how many calls succeed.
func (o *outing) succeed(t *testing.T, opt interceptor.Option) int64 {
	t.Helper()
	h := &house{}
	h.answers = map[string]func(int) error{}
	for i, model := range []string{"a", "b"} {
		dice := rand.New(rand.NewPCG(o.seed, uint64(i))) //nolint:gosec // likewise
		h.answers[model] = h.locked(h.answer(o.weather[model], dice))
	}
	var well atomic.Int64
	run(t, h, func(p *program) {
		var all sync.WaitGroup
		for now := time.Duration(0); now < 3*time.Minute; now += o.every {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(p.Context(), o.deadline)
				defer cancel()
				if _, _, err := p.callIn(ctx); err == nil {
					well.Add(1)
				}
			})
			time.Sleep(o.every)
		}
		all.Wait()
	}, opt)
	return well.Load()
}
