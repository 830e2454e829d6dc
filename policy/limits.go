package policy

import (
	"errors"
	"fmt"
	"time"
)

// The default limits.
const (
	// DefaultMaxAttempts is the default of [Limits.MaxAttempts]. Judgement: two more than
	// needed by the largest default row.
	DefaultMaxAttempts = 8
	// DefaultMaxElapsed is the default of [Limits.MaxElapsed], from the Gemini client:
	// GenerateContent ends after 600 s.
	DefaultMaxElapsed = 10 * time.Minute
	// DefaultMaxServerDelay is the default of [Limits.MaxServerDelay]. Judgement: per-minute
	// quotas ask for 5 to 60 s, and a longer delay means no passing trouble (gemini-cli also
	// draws the line at 5 minutes).
	DefaultMaxServerDelay = 5 * time.Minute
)

// Limits bound a call as a whole, over all classes. A field of zero has its default; the zero
// value has all defaults.
type Limits struct {
	// MaxAttempts is the most attempts per call, including the first. The default is
	// [DefaultMaxAttempts], or one more than the largest row of the table if that is more. A
	// figure cutting a row of the table short is an error of [Config.Validate].
	MaxAttempts int
	// MaxElapsed bounds the start of attempts: no attempt starts later than MaxElapsed after
	// the first attempt ended. A running attempt is never cut. Default [DefaultMaxElapsed].
	MaxElapsed time.Duration
	// MaxServerDelay is the longest server delay to wait out. A call told to wait longer ends
	// at once, since an earlier attempt would be refused. Default [DefaultMaxServerDelay].
	MaxServerDelay time.Duration
}

// Validate returns an error naming each invalid field and the expected range, or nil.
func (l Limits) Validate() error { return l.validate("policy: ") }

// validate prefixes every error with where.
func (l Limits) validate(where string) error {
	var errs []error
	if l.MaxAttempts < 0 {
		errs = append(errs, fmt.Errorf("%smax attempts %d: want >= 1, or 0 for the default", where, l.MaxAttempts))
	}
	if l.MaxElapsed < 0 {
		errs = append(errs, fmt.Errorf("%smax elapsed %v: want > 0s, or 0s for the default", where, l.MaxElapsed))
	}
	if l.MaxServerDelay < 0 {
		errs = append(errs, fmt.Errorf("%smax server delay %v: want > 0s, or 0s for the default", where, l.MaxServerDelay))
	}
	return errors.Join(errs...)
}

// Or returns the limits, with fields of zero taken from others.
func (l Limits) Or(others Limits) Limits {
	if l.MaxAttempts == 0 {
		l.MaxAttempts = others.MaxAttempts
	}
	if l.MaxElapsed == 0 {
		l.MaxElapsed = others.MaxElapsed
	}
	if l.MaxServerDelay == 0 {
		l.MaxServerDelay = others.MaxServerDelay
	}
	return l
}

// Effective returns the limits in force for a table, with every field set. A nil Table counts
// as a table that never retries.
func (l Limits) Effective(t *Table) Limits {
	return l.Or(Limits{
		MaxAttempts:    max(DefaultMaxAttempts, t.maxRetries()+1),
		MaxElapsed:     DefaultMaxElapsed,
		MaxServerDelay: DefaultMaxServerDelay,
	})
}

// cuts returns an error for each row of the table cut short by an explicit MaxAttempts.
func (l Limits) cuts(t *Table, where string) error {
	if l.MaxAttempts <= 0 {
		return nil
	}
	var errs []error
	for c, p := range t {
		if p.Retries >= l.MaxAttempts {
			errs = append(errs, fmt.Errorf("%s%v: retries %d: want <= %d with max attempts %d",
				where, className(c), p.Retries, l.MaxAttempts-1, l.MaxAttempts))
		}
	}
	return errors.Join(errs...)
}
