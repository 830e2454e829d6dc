package policy

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// MaxRetries is the most retries allowed in a [Policy]. Judgement: far above any use, and low
// enough that a typing error causes no endless loop.
const MaxRetries = 100

// Policy is one row of a [Table]: how often and after how long to retry a failure of one class.
// The zero value never retries.
type Policy struct {
	// Retries is the most retries per call for this class, not counting the first attempt: 0 to
	// [MaxRetries].
	Retries int
	// Base is the backoff before the first retry: 0 or more. With a Base of 0 there is no wait,
	// and Multiplier is unused.
	Base time.Duration
	// Max bounds the backoff: Base or more. Max does not bound a delay asked for by a server;
	// [Limits.MaxServerDelay] does.
	Max time.Duration
	// Multiplier is the growth factor of the backoff from one retry to the next: 1 or more.
	Multiplier float64
	// Jitter spreads the waits of many clients; the zero value is [Above].
	Jitter Jitter
}

// Validate returns an error naming each invalid field and the expected value, or nil. Several
// errors are joined.
func (p Policy) Validate() error { return p.validate("policy: ") }

// validate prefixes every error with where.
func (p Policy) validate(where string) error {
	var errs []error
	fault := func(format string, args ...any) {
		errs = append(errs, errors.New(where+fmt.Sprintf(format, args...)))
	}
	if p.Retries < 0 {
		fault("retries %d: want >= 0", p.Retries)
	}
	if p.Retries > MaxRetries {
		fault("retries %d: want <= %d", p.Retries, MaxRetries)
	}
	if p.Base < 0 {
		fault("base %v: want >= 0s", p.Base)
	}
	if p.Max < p.Base {
		fault("max %v: want >= base %v", p.Max, p.Base)
	}
	if m := p.Multiplier; math.IsNaN(m) || math.IsInf(m, 0) || m < 0 || (m < 1 && p.Base > 0) {
		fault("multiplier %v: want >= 1", m)
	}
	if p.Jitter > None {
		fault("jitter %d: want Above, Full, Equal, Symmetric or None", p.Jitter)
	}
	return errors.Join(errs...)
}

// Backoff returns the backoff before jitter, min(Base * Multiplier^n, Max), where n is the
// number of earlier retries for the class: 0 before the first. Backoff never overflows and is
// never negative; a negative n counts as 0.
func (p Policy) Backoff(n int) time.Duration {
	if p.Base <= 0 {
		return 0
	}
	d := float64(p.Base) * math.Pow(p.Multiplier, float64(max(n, 0)))
	if !(d < float64(p.Max)) { // also when d is NaN or infinite
		return max(p.Max, 0)
	}
	return time.Duration(max(d, 0))
}

// Wait returns the backoff of retry n with jitter, where u is a random number in [0, 1).
func (p Policy) Wait(n int, u float64) time.Duration {
	return p.Jitter.Range(p.Backoff(n), p.Max).at(u)
}

// Range is an interval of waits, including both ends.
type Range struct {
	Min, Max time.Duration
}

// at returns the point of the range picked by u in [0, 1): Min for 0, and never beyond Max.
func (r Range) at(u float64) time.Duration {
	switch {
	case !(u > 0) || r.Max <= r.Min: // also when u is NaN
		return r.Min
	case u >= 1: // a product with the largest durations would overflow
		return r.Max
	}
	return r.Min + time.Duration(u*float64(r.Max-r.Min))
}

// Schedule returns the range of the wait before each retry of the row, in order, if the server
// asks for no delay.
func (p Policy) Schedule() []Range {
	ranges := make([]Range, 0, max(p.Retries, 0))
	for n := range p.Retries {
		ranges = append(ranges, p.Jitter.Range(p.Backoff(n), p.Max))
	}
	return ranges
}

// String returns the row in words, as "2 retries, 5 s to 120 s, x3".
func (p Policy) String() string {
	switch {
	case p.Retries <= 0:
		return "never"
	case p.Retries == 1 && p.Base <= 0:
		return "1 retry, no wait"
	case p.Base <= 0:
		return fmt.Sprintf("%d retries, no wait", p.Retries)
	case p.Retries == 1:
		return fmt.Sprintf("1 retry, %s to %s, x%v", seconds(p.Base), seconds(p.Max), p.Multiplier)
	}
	return fmt.Sprintf("%d retries, %s to %s, x%v", p.Retries, seconds(p.Base), seconds(p.Max), p.Multiplier)
}

// seconds prints a duration in seconds, as "0.5 s" or "120 s": to hundredths, but to three
// digits below a second, so that no wait prints as zero.
func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return fmt.Sprintf("%v s", d.Round(10*time.Millisecond).Seconds())
}
