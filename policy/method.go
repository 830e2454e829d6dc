package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// Method overrides a [Config] for the methods matching a pattern.
type Method struct {
	// Pattern is a full method name, "/package.Service/Method", or a prefix of method names
	// with a final star: "/package.Service/*", "/package.*". Of the patterns matching a method,
	// only the longest counts.
	Pattern string
	// Rows replaces rows of the table; the other rows stay.
	Rows map[codes.Class]Policy
	// Limits replaces limits; fields of zero change nothing.
	Limits Limits
	// Codes limits retries to these status codes; the zero value sets no limit. A failure is
	// retried only if both its row of the table and its code allow.
	Codes CodeSet
	// Repeatable says whether these methods may run twice. Nil keeps what is otherwise known
	// about each method.
	Repeatable *bool
	// Timeout bounds the call with all its attempts and waits, like a deadline of the caller;
	// the earlier deadline counts. 0 for none.
	Timeout time.Duration
	// WaitForReady says whether an attempt without a connection waits for one instead of
	// failing, unless the call itself says so. Nil leaves the choice to the call.
	WaitForReady *bool
	// Hedge makes the attempts of a repeatable unary call run in parallel.
	Hedge Hedge
	// Priority is that of the calls among those that wait for the same quota; 0 keeps the
	// priority otherwise set.
	Priority Priority
	// Targets replaces the targets of the Config. Nil keeps them; an empty list is for none.
	Targets []Place
}

// Hedge says when the next attempt of a call starts beside the unanswered attempts (gRFC A6).
// The zero value sets nothing.
type Hedge struct {
	// Delay is the time between two attempts: 0 or more.
	Delay time.Duration
	// Attempts is the most attempts, including the first: 1 for no hedging; 0 leaves the number
	// to the connection.
	Attempts int
}

// validate returns the errors of m as an override of c, leaving out the errors of c itself.
func (m *Method) validate(c *Config) error {
	where := fmt.Sprintf("policy: method %s: ", m.Pattern)
	errs := append([]error{m.Limits.validate(where)}, validatePlaces(where, m.Targets)...)
	if m.Timeout < 0 {
		errs = append(errs, fmt.Errorf("%stimeout %v: want > 0s, or 0s for none", where, m.Timeout))
	}
	if m.Hedge.Delay < 0 {
		errs = append(errs, fmt.Errorf("%shedge delay %v: want >= 0s", where, m.Hedge.Delay))
	}
	if m.Hedge.Attempts < 0 || m.Hedge.Attempts > MaxRetries+1 {
		errs = append(errs, fmt.Errorf("%shedge attempts %d: want 0 to %d, the first included", where, m.Hedge.Attempts, MaxRetries+1))
	}
	if m.Priority > HighPriority {
		errs = append(errs, fmt.Errorf("%spriority %d: want low, normal or high", where, uint8(m.Priority)))
	}
	table := c.Table
	if m.Limits.MaxAttempts == 0 { // then m can cut only its own rows
		table = Table{}
	}
	for _, class := range slices.Sorted(maps.Keys(m.Rows)) {
		if class >= codes.NumClasses {
			errs = append(errs, fmt.Errorf("%sclass %d: want 0 to %d", where, uint8(class), codes.NumClasses-1))
			continue
		}
		table[class] = m.Rows[class] //nolint:gosec // the class was checked
		errs = append(errs, validateRow(where, class, m.Rows[class]))
	}
	errs = append(errs, m.Limits.Or(c.Limits).cuts(&table, where))
	return errors.Join(errs...)
}

// clone returns a deep copy.
func (m Method) clone() Method {
	m.Rows, m.Targets = maps.Clone(m.Rows), slices.Clone(m.Targets)
	if m.Repeatable != nil {
		repeatable := *m.Repeatable
		m.Repeatable = &repeatable
	}
	if m.WaitForReady != nil {
		ready := *m.WaitForReady
		m.WaitForReady = &ready
	}
	return m
}

// early reports whether m has a setting needed before the first attempt of a call.
func (m *Method) early() bool {
	return m.Timeout > 0 || m.WaitForReady != nil || m.Hedge.Attempts > 1 || len(m.Targets) > 0
}

// pattern returns the pattern, for [MostSpecific].
func (m *Method) pattern() string { return m.Pattern }
