package main

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRun: both calls are answered by the next model, and the log says so.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), nil, &out); err != nil {
		t.Fatal(err)
	}
	const method = "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"
	const want = `msg="[RETRY] Spent: attempt 1 of ` + method + ` failed, next at once at gemini-2.5-flash-lite"
msg="[RETRY] recovered: attempt 2 of ` + method + ` succeeded at gemini-2.5-flash-lite"
gRPC: Because of Rayleigh, says models/gemini-2.5-flash-lite
msg="[RETRY] Spent: attempt 1 of ` + method + ` failed, next at once at gemini-2.5-flash-lite"
msg="[RETRY] recovered: attempt 2 of ` + method + ` succeeded at gemini-2.5-flash-lite"
REST: Because of Rayleigh, says models/gemini-2.5-flash-lite
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := run(t.Context(), []string{"x"}, io.Discard); err == nil || err.Error() != `unexpected argument "x": want flags only` {
		t.Errorf("got %v", err)
	}
}
