package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	// Repeatable says whether these methods may run twice. Nil leaves it to
	// what is known of them.
	Repeatable *bool
}

// ValidatePattern returns an error that says what was expected if the pattern
// is none, or nil.
func ValidatePattern(pattern string) error {
	stem, star := strings.CutSuffix(pattern, "*")
	service, name, ok := strings.Cut(strings.TrimPrefix(stem, "/"), "/")
	bad := !strings.HasPrefix(pattern, "/") || strings.ContainsAny(stem, "* \t\n") || strings.Contains(name, "/") ||
		(ok && service == "")
	if !star {
		bad = bad || !ok || name == ""
	}
	if bad {
		return fmt.Errorf("policy: method pattern %q: want \"/package.Service/Method\", \"/package.Service/*\" or \"/package.*\"", pattern)
	}
	return nil
}

// MatchPattern reports whether the pattern names the method.
func MatchPattern(pattern, method string) bool {
	if stem, star := strings.CutSuffix(pattern, "*"); star {
		return strings.HasPrefix(method, stem)
	}
	return pattern == method
}

// validate returns the faults of m as an override of c; those of c itself are
// not among them.
func (m *Method) validate(c *Config) error {
	where := fmt.Sprintf("policy: method %s: ", m.Pattern)
	errs := []error{m.Limits.validate(where)}
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

// MoreSpecific reports whether pattern a is the one that counts where both a
// and b match a method: the longer one, and a method's own name before the
// same with a star.
func MoreSpecific(a, b string) bool {
	stemA, starA := strings.CutSuffix(a, "*")
	stemB, starB := strings.CutSuffix(b, "*")
	if len(stemA) != len(stemB) {
		return len(stemA) > len(stemB)
	}
	return starB && !starA
}

// clone returns a copy that shares nothing.
func (m Method) clone() Method {
	m.Rows = maps.Clone(m.Rows)
	if m.Repeatable != nil {
		repeatable := *m.Repeatable
		m.Repeatable = &repeatable
	}
	return m
}
