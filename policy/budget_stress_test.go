package policy_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reinvoke/reinvoke/policy"
)

// ledger counts what was done to one account, in thousandths of tokens.
type ledger struct {
	taken, returned, successes atomic.Int64
}

// anyBudget returns figures that are whole thousandths.
func anyBudget(r *rand.Rand) policy.BudgetConfig {
	figure := func(most int) float64 { return float64(r.IntN(most+1)) / 1000 }
	c := policy.BudgetConfig{
		Max: figure(20_000), Earn: pick(r, 0, 0.1, 1, figure(2000)),
		EarnedMax: figure(5000), EarnedEarn: pick(r, 0, 0.1, figure(500)),
	}
	c.Start = pick(r, 0, c.Max, c.Max/2)
	return c
}

// TestBudget_everyWindow plays one budget against a model of it, and then
// holds every window of the play against the promise: the retries that cost a
// token are at most what was held at its beginning and what was earned in it.
func TestBudget_everyWindow(t *testing.T) {
	r := newRand(t)
	for range 200 {
		c := anyBudget(r)
		b := newBudget(t, c)
		held := math.Round(c.Start * 1000)
		full, earn := math.Round(c.Max*1000), math.Round(c.Earn*1000)
		type moment struct{ held, taken, earned float64 }
		moments := []moment{{held: held}}
		now := moments[0]
		for range 100 {
			switch {
			case coin(r, 3):
				b.Success()
				held = min(held+earn, full)
				now.earned += earn
			case coin(r, 8) && now.taken > 0:
				b.Return(policy.Tokens)
				held = min(held+1000, full)
				now.taken -= 1000
			default:
				want := held >= 1000
				if got := b.Take(policy.Tokens); got != want {
					t.Fatalf("%+v holds %v thousandths: Take = %v, want %v", c, held, got, want)
				}
				if want {
					held -= 1000
					now.taken += 1000
				}
			}
			if got, _ := b.Held(); math.Abs(got*1000-held) > 1e-6 {
				t.Fatalf("%+v holds %v, want %v thousandths", c, got, held)
			}
			now.held = held
			moments = append(moments, now)
		}
		for i, from := range moments {
			for _, to := range moments[i:] {
				if taken, most := to.taken-from.taken, from.held+to.earned-from.earned; taken > most {
					t.Fatalf("%+v: %v thousandths taken in a window that allows %v", c, taken, most)
				}
			}
		}
	}
}

// TestBudget_stress shares a budget between goroutines. Each round is a
// window: what was held at its beginning is known, and all that happens in it
// is counted.
func TestBudget_stress(t *testing.T) {
	r := newRand(t)
	for range 60 {
		c := anyBudget(r)
		b := newBudget(t, c)
		for range 3 {
			stressRound(t, r, b, c)
		}
	}
}

func stressRound(t *testing.T, r *rand.Rand, b *policy.Budget, c policy.BudgetConfig) {
	t.Helper()
	const workers, steps = 4, 200
	var (
		tokens, earned ledger
		wg             sync.WaitGroup
	)
	startTokens, startEarned := b.Held()
	for range workers {
		own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64())) //nolint:gosec // a test has to be repeatable, not secret
		wg.Go(func() {
			for range steps {
				account, book := policy.Tokens, &tokens
				if coin(own, 3) {
					account, book = policy.Earned, &earned
				}
				switch own.IntN(4) {
				case 0:
					b.Success()
					tokens.successes.Add(1)
					earned.successes.Add(1)
				case 1:
					if b.Take(account) {
						b.Return(account) // as a call does that was cancelled while it waited
						book.taken.Add(1)
						book.returned.Add(1)
					}
				default:
					if b.Take(account) {
						book.taken.Add(1)
					}
				}
				if held, heldEarned := b.Held(); held < 0 || held > c.Max || heldEarned < 0 || heldEarned > c.EarnedMax {
					t.Errorf("%+v holds %v and %v, want neither a debt nor more than the maximum", c, held, heldEarned)
				}
			}
		})
	}
	wg.Wait()

	endTokens, endEarned := b.Held()
	check := func(name string, book *ledger, start, end, earn float64) {
		t.Helper()
		spent := float64(book.taken.Load() - book.returned.Load())
		income := float64(book.successes.Load()) * earn
		if spent > start+income+1e-6 {
			t.Errorf("%+v: %v %s taken of %v held and %v earned", c, spent, name, start, income)
		}
		// What was earned beyond the maximum is lost; nothing else is.
		if end > start+income-spent+1e-6 {
			t.Errorf("%+v: %v %s left of %v held, %v earned and %v taken", c, end, name, start, income, spent)
		}
	}
	check("tokens", &tokens, startTokens, endTokens, c.Earn)
	check("earned tokens", &earned, startEarned, endEarned, c.EarnedEarn)
}

// TestBudget_stressLosesNothing: where the maximum is out of reach, every
// token is accounted for at the end, whatever the interleaving.
func TestBudget_stressLosesNothing(t *testing.T) {
	b := newBudget(t, policy.BudgetConfig{Max: 1e6, Start: 1000, Earn: 0.3, EarnedMax: 1e6, EarnedEarn: 0.1})
	const workers, steps = 8, 2000
	var (
		taken atomic.Int64
		wg    sync.WaitGroup
	)
	for worker := range workers {
		wg.Go(func() {
			for step := range steps {
				if (worker+step)%2 == 0 {
					b.Success()
				} else if b.Take(policy.Tokens) {
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	const successes = workers * steps / 2
	tokens, earned := b.Held()
	if want := 1000 + 0.3*successes - float64(taken.Load()); math.Abs(tokens-want) > 1e-6 {
		t.Errorf("holds %v tokens, want %v", tokens, want)
	}
	if want := 0.1 * successes; math.Abs(earned-want) > 1e-6 {
		t.Errorf("holds %v earned tokens, want %v", earned, want)
	}
}

// TestBudget_stressSpendsEachTokenOnce: calls that fail at the same moment
// must not be paid for by the same token, nor calls that succeed at the same
// moment earn only once.
func TestBudget_stressSpendsEachTokenOnce(t *testing.T) {
	const workers, each, rounds = 2, 50_000, 20
	for range rounds {
		b := newBudget(t, policy.BudgetConfig{Max: workers * each, Start: workers * each, EarnedMax: workers * each, EarnedEarn: 1})
		together(workers, func() {
			for range each {
				if !b.Take(policy.Tokens) {
					t.Error("a token was taken twice: they ran out too early")
					return
				}
			}
		})
		together(workers, func() {
			for range each {
				b.Success()
			}
		})
		wantHeld(t, b, 0, workers*each)
	}
}

// together runs do in so many goroutines, which wait for each other by
// spinning, so that they really begin at the same moment.
func together(workers int32, do func()) {
	var (
		ready atomic.Int32
		wg    sync.WaitGroup
	)
	for range workers {
		wg.Go(func() {
			for ready.Add(1); ready.Load() < workers; {
				runtime.Gosched()
			}
			do()
		})
	}
	wg.Wait()
}

// TestLive_stress swaps and reads at the same time: a reader sees one Config
// or the other, never a mixture.
func TestLive_stress(t *testing.T) {
	config := func(n int) policy.Config {
		return configWith(func(c *policy.Config) {
			c.Limits.MaxAttempts = n
			c.Methods = []policy.Method{{Pattern: "/a.S/*", Limits: policy.Limits{MaxAttempts: n}}}
		})
	}
	live, err := policy.NewLive(config(10))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 500 {
			if err := live.Store(config(10 + i%2)); err != nil {
				t.Error(err)
			}
		}
	})
	for range 3 {
		wg.Go(func() {
			for range 2000 {
				c := live.Load()
				if m := c.Method("/a.S/Get"); m.Limits.MaxAttempts != c.Limits.MaxAttempts {
					t.Errorf("a Config with %d and %d, want one that was stored", c.Limits.MaxAttempts, m.Limits.MaxAttempts)
				}
			}
		})
	}
	wg.Wait()
}
