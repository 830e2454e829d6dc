package explain

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// genaiText prints an error as google.golang.org/genai v1.77.0 does (APIError.Error in
// api_client.go).
func genaiText(t *testing.T, code int, message, status, details string) string {
	t.Helper()
	var all []map[string]any
	if err := json.Unmarshal([]byte(details), &all); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("Error %d, Message: %s, Status: %s, Details: %v", code, message, status, all)
}

const dayQuota = `[{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
	{"quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests", "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
	 "quotaDimensions": {"location": "global", "model": "gemini-2.5-flash"}, "quotaValue": "250"}]},
	{"@type": "type.googleapis.com/google.rpc.Help", "links": [{"description": "Learn more: about [Gemini] API quotas", "url": "https://ai.google.dev/rate-limits"}]},
	{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "32s"}]`

// TestExplain_genai: errors of google.golang.org/genai.
func TestExplain_genai(t *testing.T) {
	message := "You exceeded your current quota, please check your plan.\n* Quota exceeded, Status: full\nPlease retry in 32.5s."
	explainSamples(t, map[string]sample{
		"a spent daily quota": {
			text: "generate: " + genaiText(t, 429, message, "RESOURCE_EXHAUSTED", dayQuota),
			code: grpccodes.ResourceExhausted, message: message, details: "QuotaFailure Help RetryInfo", class: codes.Spent, reach: codes.Answered,
		},
		"in a log": {
			text: "time=2026-11-01T10:00:00Z level=ERROR msg=failed err=" + fmt.Sprintf("%q", genaiText(t, 429, message, "RESOURCE_EXHAUSTED", dayQuota)) + " n=1",
			code: grpccodes.ResourceExhausted, message: message, details: "QuotaFailure Help RetryInfo", class: codes.Spent, reach: codes.Answered,
		},
		"no details": {
			text: genaiText(t, 503, "The model is overloaded.", "UNAVAILABLE", "[]"),
			code: grpccodes.Unavailable, message: "The model is overloaded.", class: codes.Server, reach: codes.Answered,
		},
		"an answer that is no JSON": {
			text: genaiText(t, 429, "<html>no</html>", "429 Too Many Requests", "[]"),
			code: grpccodes.ResourceExhausted, message: "<html>no</html>", class: codes.Quota, reach: codes.Answered,
		},
		"a detail of another type": {
			text: genaiText(t, 429, "no", "RESOURCE_EXHAUSTED", `[{"@type": "type.googleapis.com/x.Y", "a": "b"}]`),
			code: grpccodes.ResourceExhausted, message: "no", class: codes.Quota, reach: codes.Answered, unread: `a detail of the type "type.googleapis.com/x.Y"`,
		},
		"a text that was cut": {
			text: strings.TrimSuffix(genaiText(t, 429, "no", "RESOURCE_EXHAUSTED", dayQuota), "32s]]"),
			code: grpccodes.ResourceExhausted, message: "no", details: "QuotaFailure Help", class: codes.Spent, reach: codes.Answered, unread: "the text is cut",
		},
	})
}

// TestGoValue: what fmt prints is read again, as far as it can be.
func TestGoValue(t *testing.T) {
	for _, want := range []any{
		map[string]any{},
		map[string]any{"a": "", "b": "x"},
		map[string]any{"@type": "t", "a": map[string]any{"b": "c d", "e": "f: g"}, "z": "http://a.b/c:d see https://e"},
		[]any{map[string]any{"a": "[b] c"}, map[string]any{"list": []any{map[string]any{"x": "y"}, map[string]any{}}}},
		map[string]any{"description": "after: this, a:b", "url": "x"},
	} {
		got, rest := goValue(fmt.Sprint(want) + "]")
		if diff := cmp.Diff(want, got); diff != "" || rest != "]" {
			t.Errorf("%v: %q is left (-want +got):\n%s", want, rest, diff)
		}
	}
}
