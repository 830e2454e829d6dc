package explain

import (
	"strings"
	"testing"
)

// TestExplain_evidence: how far the request got, and how that is known.
func TestExplain_evidence(t *testing.T) {
	for text, want := range map[string]string{
		"UNAVAILABLE: busy": "Answered: assumed; grpc-go writes no such text itself",
		"UNAVAILABLE: name resolver error: produced zero addresses":                    "Unsent: grpc-go writes this text before there is a stream",
		"UNAVAILABLE: No connection established. Last error: null.":                    "Unsent: grpc-js writes this text before there is a stream",
		"UNAVAILABLE: stream terminated by RST_STREAM with error code: REFUSED_STREAM": "Unsent: grpc-go writes this text of requests that were not processed",
		"UNAVAILABLE: error reading from server: EOF":                                  "Lost: grpc-go wrote this text itself; whether the request was sent is not known",
		"retry-after: 27\nUNAVAILABLE: error reading from server: EOF":                 "Answered: the server has sent what was pasted beside it",
		"CANCELLED: grpc: the client connection is closing":                            "Lost: the caller has closed the connection",
		"CANCELLED: gone": "Answered: assumed; grpc-go writes no such text itself",
		"PERMISSION_DENIED: unexpected HTTP status code received from server: 403 (Forbidden)": "Lost: grpc-go writes this text of an answer that is not gRPC's",
		"DEADLINE_EXCEEDED: context deadline exceeded":                                         "Lost: this is the text of the caller's own context",
		`{"code": 8, "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo"}]}`:      "Answered: the details can only have come from the server",
	} {
		out, errs, _ := runProgram(t, text, "-explain", "-")
		if !strings.Contains(out, "\nreach      "+want) {
			t.Errorf("%s\n got %s%s\nwant %s", text, out, errs, want)
		}
	}
}

// TestExplain_tableWarnings: what of a service config counts for nothing is said.
func TestExplain_tableWarnings(t *testing.T) {
	path := fileWith(t, "sc.json", `{"loadBalancingConfig": [{"round_robin": {}}], "MethodConfig": [{"name": [{}], "timeout": "9s"}]}`)
	out, errs, _ := runProgram(t, "", "-explain", "UNAVAILABLE", "-table", path)
	if want := "\nunread     of -table: " + path + ":1: loadBalancingConfig: not used: "; !strings.Contains(out, want) {
		t.Errorf("got %s%s, want %s", out, errs, want)
	}
}
