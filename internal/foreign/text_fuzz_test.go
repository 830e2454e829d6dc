package foreign_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/reinvoke/reinvoke/internal/foreign"
)

// FuzzText: what comes out is printable, valid and bounded, and stays as it is.
func FuzzText(f *testing.F) {
	for _, s := range []string{
		"", "clean", "größer 模型 😀", "a\n\x1b[31m\x00\x7f", "\xff\xc3\xe6\xa8", "\u202e\u2028\u009b\ufffd\ufeff", `"\n"`,
		strings.Repeat("x", 513), strings.Repeat("\x00", 200), strings.Repeat("é\xff\u202e", 300), strings.Repeat("x", 511) + "模",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := foreign.Text(s)
		if !utf8.ValidString(got) || len(got) > foreign.Most {
			t.Fatalf("%q: got %d bytes of %q, want at most %d of valid UTF-8", s, len(got), got, foreign.Most)
		}
		clean := utf8.ValidString(s)
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || !unicode.IsPrint(r) {
				t.Fatalf("%q: got %q, which has %U", s, got, r)
			}
		}
		for _, r := range s {
			clean = clean && unicode.IsPrint(r)
		}
		if clean && len(s) <= foreign.Most && got != s {
			t.Fatalf("%q: got %q, want the clean text as it was", s, got)
		}
		if again := foreign.Text(got); again != got {
			t.Fatalf("%q: got %q, and then %q", s, got, again)
		}
	})
}
