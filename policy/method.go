package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// Method overrides a [Config] for the methods that its pattern names.
type Method struct {
	// Pattern is a full method name, "/package.Service/Method", or the
	// beginning of some, closed by a star: "/package.Service/*",
	// "/package.*". Of the patterns that match a method, the longest alone
	// counts.
	Pattern string
	// Rows replaces rows of the table; the others stay.
	Rows map[codes.Class]Policy
	// Limits replaces limits; its fields of zero leave them as they are.
	Limits Limits
	// Codes are the status codes that alone are retried; the zero value sets no
	// such bound. A failure is then retried if its row of the table and its code
	// both allow it.
	Codes CodeSet
	// Repeatable says whether these methods may run twice. Nil leaves it to
	// what is known of them.
	Repeatable *bool
	// Timeout bounds the call with all its attempts and waits, as a deadline of
	// the caller's own does; the earlier of the two counts. 0 for none.
	Timeout time.Duration
	// WaitForReady says whether an attempt waits for a connection instead of
	// failing while there is none, unless the call itself says so. Nil leaves it to
	// the call.
	WaitForReady *bool
	// Hedge has the attempts of a repeatable unary call run beside each other.
	Hedge Hedge
}

// Hedge says when another attempt of a call starts beside those that have no
// answer yet (gRFC A6). The zero value says nothing.
type Hedge struct {
	// Delay is the time between two attempts: 0 or more.
	Delay time.Duration
	// Attempts is the most attempts, the first included: 1 for no hedges; 0
	// leaves it to the connection.
	Attempts int
}

// validate returns the faults of m as an override of c; those of c itself are
// not among them.
func (m *Method) validate(c *Config) error {
	where := fmt.Sprintf("policy: method %s: ", m.Pattern)
	errs := []error{m.Limits.validate(where)}
	if m.Timeout < 0 {
		errs = append(errs, fmt.Errorf("%stimeout %v: want > 0s, or 0s for none", where, m.Timeout))
	}
	if m.Hedge.Delay < 0 {
		errs = append(errs, fmt.Errorf("%shedge delay %v: want >= 0s", where, m.Hedge.Delay))
	}
	if m.Hedge.Attempts < 0 || m.Hedge.Attempts > MaxRetries+1 {
		errs = append(errs, fmt.Errorf("%shedge attempts %d: want 0 to %d, the first included", where, m.Hedge.Attempts, MaxRetries+1))
	}
	table := c.Table
	if m.Limits.MaxAttempts == 0 { // then no row is cut that is not its own
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

// clone returns a copy that shares nothing.
func (m Method) clone() Method {
	m.Rows = maps.Clone(m.Rows)
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

// early reports whether m says something that has to be known before the first
// attempt of a call.
func (m *Method) early() bool { return m.Timeout > 0 || m.WaitForReady != nil || m.Hedge.Attempts > 1 }

// pattern returns the pattern.
func (m *Method) pattern() string { return m.Pattern }
