package policy_test

import (
	"testing"

	"github.com/reinvoke/reinvoke/policy"
)

func TestMostSpecific(t *testing.T) {
	type section struct {
		pattern string
		number  int
	}
	cases := []struct {
		name     string
		sections []section
		want     int // 0 for none
	}{
		{"none of none", nil, 0},
		{"none matches", []section{{"/b.*", 1}, {"/a.S/Set", 2}}, 0},
		{"the longest, wherever it stands", []section{{"/a.*", 1}, {"/a.S/G*", 2}, {"/a.S/*", 3}}, 2},
		{"a longer one that does not match is none", []section{{"/a.*", 1}, {"/a.S/GetMore", 2}}, 1},
		{"the name before the name with a star", []section{{"/a.S/Get*", 1}, {"/a.S/Get", 2}}, 2},
		{"of equal ones the first", []section{{"/a.*", 1}, {"/a.*", 2}}, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := policy.MostSpecific(c.sections, func(s *section) string { return s.pattern }, "/a.S/Get")
			var number int
			if got != nil {
				number = got.number
			}
			if number != c.want {
				t.Errorf("got section %d, want %d", number, c.want)
			}
		})
	}
}
