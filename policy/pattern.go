package policy

import (
	"fmt"
	"strings"
)

// ValidatePattern returns an error with the expected forms if the pattern is invalid, or nil.
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

// MatchPattern reports whether the pattern matches the method.
func MatchPattern(pattern, method string) bool {
	if stem, star := strings.CutSuffix(pattern, "*"); star {
		return strings.HasPrefix(method, stem)
	}
	return pattern == method
}

// MoreSpecific reports whether pattern a takes precedence over pattern b for a method matching
// both: the longer pattern does, and a full method name does over the same name with a star.
func MoreSpecific(a, b string) bool {
	stemA, starA := strings.CutSuffix(a, "*")
	stemB, starB := strings.CutSuffix(b, "*")
	if len(stemA) != len(stemB) {
		return len(stemA) > len(stemB)
	}
	return starB && !starA
}

// MostSpecific returns the element with the most specific pattern matching the method: the
// first of equal patterns, or nil without a match.
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
