package policyfile

import "testing"

// TestShownPattern: a message of package policy may have any pattern in it.
func TestShownPattern(t *testing.T) {
	for message, want := range map[string]string{
		"policy: method /\x1b.S/*: timeout -1s: want > 0s": `policy: method "/\x1b.S/*": timeout -1s: want > 0s`,
		"policy: method /a.S/*: timeout -1s: want > 0s":    "policy: method /a.S/*: timeout -1s: want > 0s",
		"policy: gate: margin -1: want >= 0":               "policy: gate: margin -1: want >= 0",
	} {
		if got := shownPattern(message); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
