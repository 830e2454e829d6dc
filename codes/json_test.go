package codes_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

func ExampleFromJSON() {
	st, err := codes.FromJSON([]byte(`{
	  "error": {
	    "code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED",
	    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "38s"}]
	  }
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	f := codes.Classify(st.Err(), codes.Evidence{})
	fmt.Println(f.Class, f.Delay, f.Rule)
	// Output: Quota 38s quota-hint
}

// TestFromJSON_asOverGRPC: every error of the corpus gets the class, the delay and the
// rule that it gets over gRPC, in whichever of its forms it arrives.
func TestFromJSON_asOverGRPC(t *testing.T) {
	for _, s := range corpus(t) {
		if s.Origin != "server" {
			continue
		}
		over := s.err(t)
		want := codes.Classify(over, codes.Evidence{})
		object := map[string]any{"message": s.Message, "details": s.Details, "status": s.Code, "code": 400}
		for name, body := range map[string]any{
			"an error object":   object,
			"a body":            map[string]any{"error": object},
			"a list of bodies":  []any{map[string]any{"error": object}},
			"google.rpc.Status": map[string]any{"message": s.Message, "details": s.Details, "code": int(want.Code)},
		} {
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			st, err := codes.FromJSON(text)
			if err != nil {
				t.Fatalf("%s as %s: %v", s.Name, name, err)
			}
			if diff := cmp.Diff(want, codes.Classify(st.Err(), codes.Evidence{})); diff != "" {
				t.Errorf("%s as %s (-want +got):\n%s", s.Name, name, diff)
			}
		}
	}
}

// TestFromJSON_codes: a name counts more than a number, and an HTTP status is none of
// gRPC's.
func TestFromJSON_codes(t *testing.T) {
	for body, want := range map[string]grpccodes.Code{
		`{"code": 400, "status": "FAILED_PRECONDITION"}`:     grpccodes.FailedPrecondition,
		`{"code": 503, "status": "503 Service Unavailable"}`: grpccodes.Unavailable,
		`{"code": 14}`:                   grpccodes.Unavailable,
		`{"code": 418}`:                  grpccodes.InvalidArgument,
		`{"code": 599}`:                  grpccodes.Internal,
		`{"code": 302}`:                  grpccodes.Unknown,
		`{"status": "UNAVAILABLE"}`:      grpccodes.Unavailable,
		` [ {"error": {"code": 504}} ] `: grpccodes.DeadlineExceeded,
	} {
		st, err := codes.FromJSON([]byte(body))
		if err != nil || st.Code() != want {
			t.Errorf("%s: got %v, %v, want %v", body, st.Code(), err, want)
		}
	}
	for httpStatus, want := range map[int]grpccodes.Code{
		200: grpccodes.OK, 400: grpccodes.InvalidArgument, 401: grpccodes.Unauthenticated, 403: grpccodes.PermissionDenied, 404: grpccodes.NotFound,
		408: grpccodes.DeadlineExceeded, 409: grpccodes.Aborted, 429: grpccodes.ResourceExhausted, 499: grpccodes.Canceled, 500: grpccodes.Internal,
		501: grpccodes.Unimplemented, 502: grpccodes.Unavailable, 503: grpccodes.Unavailable, 504: grpccodes.DeadlineExceeded,
		0: grpccodes.Unknown, -1: grpccodes.Unknown, 600: grpccodes.Unknown,
	} {
		if got := codes.HTTPCode(httpStatus); got != want {
			t.Errorf("HTTP %d: got %v, want %v", httpStatus, got, want)
		}
	}
}

// TestFromJSON_details: those of a type that no one knows, and what is none, are left
// out.
func TestFromJSON_details(t *testing.T) {
	st, err := codes.FromJSON([]byte(`{"code": 429, "details": [
		{"@type": "type.googleapis.com/nobody.knows.This", "a": 1}, 5, null,
		{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "soon"},
		{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}]}`))
	if err != nil || len(st.Details()) != 1 {
		t.Fatalf("got %v, %v, want one detail", st, err)
	}
}

func TestFromJSON_isNone(t *testing.T) {
	const want = `codes: error in JSON: code 0: want {"error": {"code": ..., "message": ..., "status": ..., "details": [...]}}`
	for _, body := range []string{`{}`, `{"error": "x"}`, `{"status": "OK"}`, `{"code": 0}`} {
		if st, err := codes.FromJSON([]byte(body)); st != nil || err == nil || err.Error() != want {
			t.Errorf("%s: got %v, %v, want %s", body, st, err, want)
		}
	}
	for _, body := range []string{``, `x`, `[`, `[]`, `{"code": "many"}`, `"x"`} {
		if st, err := codes.FromJSON([]byte(body)); st != nil || err == nil || !strings.HasPrefix(err.Error(), "codes: error in JSON: ") {
			t.Errorf("%s: got %v, %v, want an error", body, st, err)
		}
	}
}
