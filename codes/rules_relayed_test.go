package codes_test

import (
	"strings"
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// TestClassify_relayedTexts: whatever grpc-go says of a connection of its own leaves it
// open whether a request ran that a gateway has relayed, whatever the code.
func TestClassify_relayedTexts(t *testing.T) {
	local := 0
	for _, tc := range grpcTexts() {
		if tc.answered == "" || tc.rule == "cancelled" { // of no transport
			continue
		}
		local++
		for _, message := range []string{
			tc.message,
			"rpc error: code = Unavailable desc = " + tc.message,
			"placing the order: rpc error: code = Unavailable desc = payment: rpc error: code = Internal desc = " + tc.message,
		} {
			for _, code := range []grpccodes.Code{
				tc.code, grpccodes.Unavailable, grpccodes.Internal, grpccodes.Unknown, grpccodes.Canceled, grpccodes.ResourceExhausted,
				grpccodes.Unauthenticated, grpccodes.DeadlineExceeded, grpccodes.Aborted,
			} {
				f := codes.Classify(status.Error(code, message), evidenceOf(codes.Answered))
				if !f.MayHaveRun || f.Reach != codes.Answered {
					t.Errorf("%v %s: may have run %v, %v; want true, Answered", code, message, f.MayHaveRun, f.Reach)
				}
			}
		}
	}
	if local < 30 {
		t.Errorf("%d texts were tried, want more", local)
	}
}

func TestClassify_whatRan(t *testing.T) {
	const envoy = "upstream connect error or disconnect/reset before headers. "
	for _, tc := range []struct {
		message string
		ran     bool
		reach   codes.Reach
	}{
		{"error reading from server: EOF", true, codes.Answered},
		{"the model says: error reading from server: EOF", false, codes.Answered},
		{"The service is down for now.", false, codes.Answered},
		{"", false, codes.Answered},
		{"rpc error: code = Unavailable", false, codes.Answered},
		{"rpc error: code = Unavailable desc = no capacity", false, codes.Answered},

		{"etcdserver: request timed out", true, codes.Answered},
		{"etcdserver: request timed out, possibly due to previous leader failure", true, codes.Answered},
		{"etcdserver: request timed out, possibly due to connection lost", true, codes.Answered},
		{"etcdserver: request timed out, waiting for the applied index took too long", true, codes.Answered},
		{"etcdserver: server stopped", true, codes.Answered},
		{"etcdserver: no leader", false, codes.Answered},

		{envoy + "reset reason: connection termination", true, codes.Answered},
		{envoy + "reset reason: protocol error", true, codes.Answered},
		{envoy + "reset reason: remote reset", true, codes.Answered},
		{envoy + "reset reason: connection failure, transport failure reason: delayed connect error: 111", false, codes.Unsent},
		{envoy + "reset reason: remote connection failure", false, codes.Unsent},
		{envoy + "reset reason: local connection failure", false, codes.Unsent},
		{envoy + "reset reason: connection timeout", false, codes.Unsent},
		{envoy + "reset reason: overflow", false, codes.Unsent},
		{envoy + "reset reason: remote refused stream reset", false, codes.Unsent},
		{envoy + "retried and the latest reset reason: remote connection failure", true, codes.Answered},
		{"backend: rpc error: code = Unavailable desc = " + envoy + "reset reason: connection failure", true, codes.Answered},
		{envoy, true, codes.Answered},
		{"upstream request timeout", true, codes.Answered},
		{"no healthy upstream", false, codes.Answered},

		{"Socket closed", true, codes.Answered},
		{"failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:50051: connection refused", true, codes.Answered},
		{"io exception", true, codes.Answered},
		{"No connection established. Last error: connect ECONNREFUSED 10.0.0.1:50051", true, codes.Answered},
	} {
		f := codes.Classify(status.Error(grpccodes.Unavailable, tc.message), evidenceOf(codes.Answered))
		if f.MayHaveRun != tc.ran || f.Reach != tc.reach || f.Class != codes.Server {
			t.Errorf("%s: may have run %v, %v %v by rule %s; want %v, %v Server", tc.message, f.MayHaveRun, f.Reach, f.Class, f.Rule, tc.ran, tc.reach)
		}
	}
}

// TestClassify_relayedUnderARuleOfOnesOwn: such a rule decides the class, and not
// whether the request ran.
func TestClassify_relayedUnderARuleOfOnesOwn(t *testing.T) {
	own := codes.Rule{Name: "own", Class: codes.Quota, Codes: []grpccodes.Code{grpccodes.Unavailable}}
	f := codes.Classify(status.Error(grpccodes.Unavailable, "error reading from server: EOF"), evidenceOf(codes.Answered), own)
	if f.Rule != "own" || f.Class != codes.Quota || !f.MayHaveRun {
		t.Errorf("%v by rule %s, may have run %v; want Quota by rule own, true", f.Class, f.Rule, f.MayHaveRun)
	}
}

// TestRelayRules_haveSources: as every row has.
func TestRelayRules_haveSources(t *testing.T) {
	for _, name := range []string{"relayed-transport", "proxy-never-sent"} {
		if source := codes.SourceOf(name); strings.TrimSpace(source) == "" {
			t.Errorf("%s: no source", name)
		}
	}
}
