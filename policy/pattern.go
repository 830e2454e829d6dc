package policy

import (
	"fmt"
	"strings"
)

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

// MostSpecific returns the one of all whose pattern counts for the method: of
// those that match the most specific one, and of equal ones the first; nil where
// none matches.
func MostSpecific[T any](all []T, pattern func(*T) string, method string) *T {
	var best *T
	for i := range all {
		one := &all[i]
		if MatchPattern(pattern(one), method) && (best == nil || MoreSpecific(pattern(one), pattern(best))) {
			best = one
		}
	}
	return best
}
