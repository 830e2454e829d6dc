package codes

import (
	"slices"
	"strings"
)

// This file searches texts and holds no text of its own.

// hasPrefix reports whether s begins with one of the prefixes. The last byte is
// compared first, because many prefixes begin alike and differ there.
func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if last := len(p) - 1; last < len(s) && (last < 0 || s[last] == p[last]) && strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// prefixes are beginnings of texts, of at least two bytes, indexed by the first byte.
type prefixes [256][]string

// newPrefixes returns the prefixes in the lists.
func newPrefixes(lists ...[]string) *prefixes {
	p := &prefixes{}
	for _, text := range slices.Concat(lists...) {
		if of := &p[text[0]]; !slices.Contains(*of, text) {
			*of = append(*of, text)
		}
	}
	return p
}

// has reports whether s begins with one of the prefixes.
func (p *prefixes) has(s string) bool {
	if len(s) < 2 {
		return false
	}
	for _, text := range p[s[0]] {
		if text[1] == s[1] && strings.HasPrefix(s, text) {
			return true
		}
	}
	return false
}

// hasSuffix reports whether s ends with one of the suffixes.
func hasSuffix(s string, suffixes []string) bool {
	for _, p := range suffixes {
		if strings.HasSuffix(s, p) {
			return true
		}
	}
	return false
}

// cutAny returns s without the first matching prefix, or s itself.
func cutAny(s string, prefixes []string) (rest string, ok bool) {
	for _, p := range prefixes {
		if rest, ok := strings.CutPrefix(s, p); ok {
			return rest, true
		}
	}
	return s, false
}

// hasWord reports whether word occurs in s with no letter right before or after.
func hasWord(s, word string) bool {
	for from := 0; ; {
		i := strings.Index(s[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		if (begin == 0 || !isLetter(s[begin-1])) && (end == len(s) || !isLetter(s[end])) {
			return true
		}
		from = end
	}
}

// hasAnyWord reports whether one of the lower-case words occurs in s as in hasWord,
// in any case.
func hasAnyWord(s string, words []string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) || (i > 0 && isLetter(s[i-1])) {
			continue
		}
		for _, word := range words {
			end := i + len(word)
			if s[i]|0x20 == word[0] && end <= len(s) && strings.EqualFold(s[i:end], word) && (end == len(s) || !isLetter(s[end])) {
				return true
			}
		}
	}
	return false
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// leadingStatus returns the number at the beginning of s if the number has exactly
// three digits, else 0.
func leadingStatus(s string) int {
	if len(s) < 3 || (len(s) > 3 && isDigit(s[3])) {
		return 0
	}
	n := 0
	for i := range 3 {
		if !isDigit(s[i]) {
			return 0
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}
