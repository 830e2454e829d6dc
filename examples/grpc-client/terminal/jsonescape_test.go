package terminal

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
)

// TestPrintable_meansTheSame: what is spelled in another way.
func TestPrintable_meansTheSame(t *testing.T) {
	t.Parallel()
	const nasty = "bad \n\r\x1b[31mred\x00\x7f\u009b\u202e\u2028\U000e0041 "
	for _, text := range []string{nasty, "größer 模型 😀 \"\\", "\xff\ufffd"} {
		line, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var got, want string
		safe := Printable(line)
		if i := strings.IndexFunc(string(safe), func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("got %q, want what is printable", safe)
		}
		if err := json.Unmarshal(safe, &got); err != nil || json.Unmarshal(line, &want) != nil || got != want {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
}
