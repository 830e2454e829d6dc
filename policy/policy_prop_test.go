package policy_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// exactBackoff computes min(base * multiplier^n, max) without overflow, by
// multiplying in 300 bits.
func exactBackoff(p policy.Policy, n int) float64 {
	d := new(big.Float).SetPrec(300).SetInt64(int64(p.Base))
	limit := new(big.Float).SetInt64(int64(p.Max))
	by := big.NewFloat(p.Multiplier)
	for range n {
		if d.Cmp(limit) >= 0 {
			break
		}
		d.Mul(d, by)
	}
	if d.Cmp(limit) >= 0 {
		return float64(p.Max)
	}
	exact, _ := d.Float64()
	return exact
}

func TestPolicyBackoff_isTheFormula(t *testing.T) {
	r := newRand(t)
	for range 3000 {
		p := anyRow(r)
		if err := p.Validate(); err != nil {
			t.Fatalf("%#v is no valid row: %v", p, err)
		}
		if got := p.Backoff(0); p.Base < 1<<53 && got != p.Base { // a float64 holds no more digits
			t.Fatalf("%#v: Backoff(0) = %v, want the base", p, got)
		}
		if got, want := p.Backoff(-1-r.IntN(9)), p.Backoff(0); got != want {
			t.Fatalf("%#v: Backoff of a negative n = %v, want that of 0, %v", p, got, want)
		}
		n := r.IntN(pick(r, 5, 20, 101))
		got, want := p.Backoff(n), exactBackoff(p, n)
		if math.Abs(float64(got)-want) > 1+want*1e-12 {
			t.Fatalf("%#v: Backoff(%d) = %v, want %v", p, n, got, time.Duration(want))
		}
	}
}

func TestPolicyBackoff_growsUpToMax(t *testing.T) {
	r := newRand(t)
	for range 1000 {
		p := anyRow(r)
		for n := range 120 {
			d, next := p.Backoff(n), p.Backoff(n+1)
			if d > next {
				t.Fatalf("%#v: Backoff(%d) = %v, then %v: want it to grow", p, n, d, next)
			}
			if least := float64(p.Base) * (1 - 0x1p-52); float64(d) < least || d > p.Max {
				t.Fatalf("%#v: Backoff(%d) = %v, want it from base to max", p, n, d)
			}
		}
		if p.Base > 0 && p.Multiplier > 1.5 {
			if got := p.Backoff(math.MaxInt); got != p.Max {
				t.Fatalf("%#v: the last backoff is %v, want the max", p, got)
			}
		}
	}
}

// TestPolicyBackoff_saturates: a product that overflows must not become a
// wait of zero, which would be a hot loop.
func TestPolicyBackoff_saturates(t *testing.T) {
	for _, limit := range []time.Duration{time.Minute, 1<<53 + 1, math.MaxInt64 - 1, math.MaxInt64} {
		p := policy.Policy{Retries: 100, Base: time.Millisecond, Max: limit, Multiplier: 1e6}
		for n := range 101 {
			want := limit
			if n == 0 {
				want = time.Millisecond
			}
			if n == 1 {
				want = min(limit, 1000*time.Second)
			}
			if n == 2 {
				want = min(limit, 1e9*time.Second)
			}
			if got := p.Backoff(n); got != want {
				t.Errorf("1 ms x 1e6^%d up to %v: got %v, want %v", n, limit, got, want)
			}
		}
	}
}

// TestPolicyBackoff_invalidRowsAreHarmless: rows that nobody has validated
// must not give a negative wait.
func TestPolicyBackoff_invalidRowsAreHarmless(t *testing.T) {
	rows := []policy.Policy{
		{Base: -1, Max: -2, Multiplier: 2},
		{Base: 1, Max: -2, Multiplier: 2},
		{Base: time.Second, Max: time.Minute, Multiplier: -1e300},
		{Base: time.Second, Max: time.Minute, Multiplier: math.Inf(-1)},
		{Base: time.Second, Max: time.Minute, Multiplier: math.NaN()},
		{Base: time.Minute, Max: time.Second, Multiplier: 0},
		{Base: math.MinInt64, Max: math.MinInt64, Multiplier: math.Inf(1)},
		{Base: math.MaxInt64, Max: math.MinInt64, Multiplier: math.Inf(1)},
	}
	for _, p := range rows {
		for n := -1; n < 100; n++ {
			if got := p.Backoff(n); got < 0 {
				t.Errorf("%#v: Backoff(%d) = %v, want >= 0", p, n, got)
			}
			for jitter := policy.Above; jitter <= policy.None+1; jitter++ {
				p.Jitter = jitter
				if got := p.Wait(n, belowOne()); got < 0 {
					t.Errorf("%#v: Wait(%d) = %v, want >= 0", p, n, got)
				}
			}
		}
	}
}

func TestPolicySchedule_agreesWithWait(t *testing.T) {
	r := newRand(t)
	for range 500 {
		p := anyRow(r)
		schedule := p.Schedule()
		if len(schedule) != p.Retries {
			t.Fatalf("%#v: the schedule has %d waits, want one for each retry", p, len(schedule))
		}
		for n, want := range schedule {
			if got := p.Jitter.Range(p.Backoff(n), p.Max); got != want {
				t.Fatalf("%#v: wait %d of the schedule is %v, Range says %v", p, n, want, got)
			}
			if got := p.Wait(n, 0); got != want.Min {
				t.Fatalf("%#v: Wait(%d, 0) = %v, want %v", p, n, got, want.Min)
			}
			if got := p.Wait(n, 1); got != want.Max {
				t.Fatalf("%#v: Wait(%d, 1) = %v, want %v", p, n, got, want.Max)
			}
			u := dice(r)
			if got := p.Wait(n, u); got < want.Min || got > want.Max {
				t.Fatalf("%#v: Wait(%d, %v) = %v, want it in %v", p, n, u, got, want)
			}
		}
	}
	if got := (policy.Policy{Retries: -5}).Schedule(); len(got) != 0 {
		t.Errorf("negative retries have the schedule %v, want none", got)
	}
}

// TestPolicyWait_followsTheDice: the wait is uniform, so it is a straight
// line over u; dice that leave [0, 1) do not leave the range.
func TestPolicyWait_followsTheDice(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		p := anyRow(r)
		n := r.IntN(8)
		span := p.Jitter.Range(p.Backoff(n), p.Max)
		width := float64(span.Max - span.Min)
		u, more := dice(r), dice(r)
		if u > more {
			u, more = more, u
		}
		if got, next := p.Wait(n, u), p.Wait(n, more); got > next {
			t.Fatalf("%#v: Wait(%d, %v) = %v is above Wait(%d, %v) = %v", p, n, u, got, n, more, next)
		}
		if got, want := float64(p.Wait(n, u)-span.Min), u*width; math.Abs(got-want) > 1+width*1e-15 {
			t.Fatalf("%#v: Wait(%d, %v) is %v above the least, want %v", p, n, u, time.Duration(got), time.Duration(want))
		}
		for _, u := range loadedDice() {
			want := span.Min
			if u >= 1 {
				want = span.Max
			}
			if got := p.Wait(n, u); got != want {
				t.Fatalf("%#v: Wait(%d, %v) = %v, want %v", p, n, u, got, want)
			}
		}
	}
}
