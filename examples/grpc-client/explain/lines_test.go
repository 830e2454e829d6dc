package explain

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/policy"
)

// jsonOf explains an error and decodes the JSON, of which no field may be unknown.
func jsonOf(t *testing.T, text, method string) (x *Explanation, got line) {
	t.Helper()
	x, err := Of(Options{Text: text, Method: method, Redact: func(s string) string { return s }})
	if err != nil {
		t.Fatal(err)
	}
	out := x.JSON()
	if strings.Contains(out, "\n") {
		t.Errorf("got %q, want one line", out)
	}
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return x, got
}

// TestJSON_whole: the fields of an explanation.
func TestJSON_whole(t *testing.T) {
	_, got := jsonOf(t, "UNAVAILABLE: busy", "/a.S/M")
	want := line{
		Type: "explanation", Code: "UNAVAILABLE", Message: "busy", Class: got.Class, Rule: got.Rule, Source: got.Source,
		Reach: "Answered", Assumed: "assumed; grpc-go writes no such text itself",
		Method: "/a.S/M", Because: "nothing is known of it; interceptor.Repeatable() would allow it",
		Row:     rowLine{Retries: 3, Base: 2, Max: 30, Multiplier: 2, Jitter: "Above"},
		Retries: []retryLine{{[2]float64{2, 3}, policy.Backoff.String()}, {[2]float64{4, 6}, policy.Backoff.String()}, {[2]float64{8, 12}, policy.Backoff.String()}},
		End:     &endLine{policy.ClassExhausted.String()},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Class.String() != "Server" || got.Rule == "" || got.Source == "" {
		t.Errorf("class %v by %q, of %q; want Server, a rule and its source", got.Class, got.Rule, got.Source)
	}
}

// TestJSON_gate: what the gate does, and what a quota's details say.
func TestJSON_gate(t *testing.T) {
	const quota = `{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down", "details": [
		{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com"},
		{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "20s"}]}}`
	_, got := jsonOf(t, quota, "")
	if got.Delay != 20 || !got.Asked || got.Reason != "RATE_LIMIT_EXCEEDED" || got.Domain != "googleapis.com" || got.Method != "" {
		t.Errorf("got %+v, want a delay of 20 s that the server asks for, and the reason", got)
	}
	if g := got.Gate; g == nil || g.Opens[0] < 20 || g.Opens[1] < g.Opens[0] || g.Scout[0] <= 0 || g.Refused <= 0 || g.Failures != 0 {
		t.Errorf("gate: %+v, want one that opens after 20 s, and scouts before", g)
	}
	if _, got = jsonOf(t, "RESOURCE_EXHAUSTED: slow down", ""); got.Gate != nil || got.Delay != 0 || len(got.Unread) != 1 {
		t.Errorf("got %+v, want no gate without a delay, and what was not read", got)
	}
}

// TestJSON_agreesWithTheText: both forms say the same of a failure.
func TestJSON_agreesWithTheText(t *testing.T) {
	for _, text := range []string{
		"UNAVAILABLE: The model is overloaded.", "INTERNAL: x", "DEADLINE_EXCEEDED: x", "ABORTED: x", "INVALID_ARGUMENT: API key not valid.",
		`rpc error: code = Unavailable desc = connection error: desc = "transport: refused"`, "context canceled", "HTTP/1.1 503 Service Unavailable",
	} {
		x, got := jsonOf(t, text, "/a.S/M")
		lines := strings.Split(x.String(), "\n")
		for _, want := range []string{
			fmt.Sprintf("class      %v", got.Class), fmt.Sprintf("rule       %s: %s", got.Rule, got.Source), fmt.Sprintf("reach      %s: %s", got.Reach, got.Assumed),
		} {
			if !slices.Contains(lines, want) {
				t.Errorf("%q: no line %q in\n%s", text, want, x)
			}
		}
		if n := strings.Count(x.String(), "\nretry "); n != len(got.Retries) || got.End == nil || !strings.Contains(x.String(), "this error: "+got.End.Why) {
			t.Errorf("%q: %d retries and the end %+v, want those of\n%s", text, len(got.Retries), got.End, x)
		}
	}
}
