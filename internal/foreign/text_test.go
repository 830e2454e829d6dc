package foreign_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/internal/foreign"
)

func TestText(t *testing.T) {
	many := func(n int) string { return strings.Repeat("x", n) }
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                        {"", ""},
		"a clean text":                   {"The model is overloaded.", "The model is overloaded."},
		"quotes and backslashes":         {`desc = "a\b"`, `desc = "a\b"`},
		"letters of any script, a smile": {"größer 模型 😀", "größer 模型 😀"},
		"line breaks and tabs":           {"a\r\n\tb", `a\r\n\tb`},
		"an escape sequence":             {"\x1b[31mred", `\x1b[31mred`},
		"a zero byte":                    {"a\x00b", `a\x00b`},
		"delete":                         {"a\x7fb", `a\x7fb`},
		"a control character of 8 bits":  {"a\u009b31mb", `a\u009b31mb`},
		"invalid UTF-8":                  {"a\xff\xc3b", `a\xff\xc3b`},
		"a rune cut short":               {"a\xe6\xa8", `a\xe6\xa8`},
		"the rune that stands for it":    {"a\ufffdb", "a\ufffdb"},
		"a direction override":           {"a\u202eb\u2066c", `a\u202eb\u2066c`},
		"invisible characters":           {"a\u200bb\ufeffc\u00a0d", `a\u200bb\ufeffc\u00a0d`},
		"line separators of Unicode":     {"a\u2028b\u0085c", `a\u2028b\u0085c`},
		"a tag beyond 16 bits":           {"a\U000e0041b", `a\U000e0041b`},
		"as long as may be":              {many(512), many(512)},
		"one byte too long":              {many(513), many(477) + "… (36 bytes cut)"},
		"far too long":                   {many(4 << 20), many(477) + "… (4193827 bytes cut)"},
		"too long once it is spelled":    {strings.Repeat("\x00", 200), strings.Repeat(`\x00`, 119) + "… (81 bytes cut)"},
		"as long as may be once spelled": {strings.Repeat("\x00", 128), strings.Repeat(`\x00`, 128)},
		"cut before a rune":              {many(476) + strings.Repeat("é", 20), many(476) + "… (40 bytes cut)"},
		"cut before an escape":           {many(477) + strings.Repeat("\x1b", 20), many(477) + "… (20 bytes cut)"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, foreign.Text(tt.text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHead(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		more int
		want string
	}{
		"all of it":                         {"a\nb", 0, `a\nb`},
		"a part of it":                      {"a\nb", 7, `a\nb… (7 bytes cut)`},
		"a part, of which a part fits":      {strings.Repeat("x", 600), 7, strings.Repeat("x", 477) + "… (130 bytes cut)"},
		"a part that fits without the note": {strings.Repeat("x", 512), 7, strings.Repeat("x", 477) + "… (42 bytes cut)"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, foreign.Head(tt.text, tt.more)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestText_allocatesNothingForACleanText(t *testing.T) {
	clean := strings.Repeat("größer 模型 ", 20)
	if n := testing.AllocsPerRun(100, func() { _ = foreign.Text(clean) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
