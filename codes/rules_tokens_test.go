package codes_test

import (
	"fmt"
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// tokenTexts are the forms in which those who fetch credentials tell of the HTTP
// status that they were answered with; %d stands for it.
func tokenTexts() []string {
	return []string{
		// golang.org/x/oauth2: token.go, google/internal, google/externalaccount, google/downscope
		"oauth2: cannot fetch token: %d Some Words\nResponse: <html>",
		"oauth2/google: status code %d: {}",
		"oauth2/google/externalaccount: status code %d: x",
		"downscope: unable to exchange token; %d. Server responded: x",
		// cloud.google.com/go/auth: auth.go, credentials
		"auth: cannot fetch token: %d\nResponse: {\"error\":\"x\"}",
		"credentials: cannot fetch token: auth: cannot fetch token: %d\nResponse: x",
		"impersonate: status code %d: {\"error\":{\"code\":503}}",
		"credentials: status code %d: x",
		"downscope: unable to exchange token, %d: x",
		`impersonate: unable to generate access token: Post "https://iamcredentials.googleapis.com/v1/x": auth: cannot fetch token: %d` + "\nResponse: x",
		`oauth2/google: unable to generate access token: Post "https://x": oauth2: cannot fetch token: %d Some Words` + "\nResponse: x",
		// grpc-go credentials/sts
		"http status %d, body: x",
		// cloud.google.com/go/compute/metadata
		"credentials: cannot fetch token: compute: Received %d `x`",
	}
}

func TestClassify_tokenEndpoint(t *testing.T) {
	for _, text := range tokenTexts() {
		for _, tc := range []struct {
			status int
			want   codes.Class
		}{
			{400, codes.Auth},
			{401, codes.Auth},
			{403, codes.Auth},
			{404, codes.Auth},
			{499, codes.Auth},
			{408, codes.Network},
			{429, codes.Network},
			{500, codes.Network},
			{502, codes.Network},
			{503, codes.Network},
			{302, codes.Network},
		} {
			for _, code := range []grpccodes.Code{grpccodes.Unauthenticated, grpccodes.Internal} { // of the connection, of the call
				message := perRPC + fmt.Sprintf(text, tc.status)
				f := codes.Classify(status.Error(code, message), evidenceOf(codes.Unsent))
				if f.Class != tc.want || f.Reach != codes.Unsent {
					t.Errorf("%v %s: %v %v by rule %s, want %v Unsent", code, message, f.Class, f.Reach, f.Rule, tc.want)
				}
			}
		}
	}
}

// TestClassify_tokensThatNoStatusIsKnownOf: numbers that are no HTTP status, and errors
// that have none.
func TestClassify_tokensThatNoStatusIsKnownOf(t *testing.T) {
	for message, want := range map[string]codes.Class{
		`oauth2: "invalid_target" "x"`:                                            codes.Auth,
		`auth: "access_denied"`:                                                   codes.Auth,
		`oauth2: "temporarily_unavailable"`:                                       codes.Network,
		`oauth2: "server_error" "invalid_grant"`:                                  codes.Network,
		"oauth2: cannot fetch token: 4003":                                        codes.Network,
		"oauth2: cannot fetch token: unexpected 403":                              codes.Network,
		`oauth2: cannot fetch token: Post "https://x/403": dial tcp: i/o timeout`: codes.Network,
		`oauth2: cannot fetch token: Post "https://x`:                             codes.Network,
		"open /403: status code 403":                                              codes.Network,
		"":                                                                        codes.Network,
	} {
		f := codes.Classify(status.Error(grpccodes.Unauthenticated, perRPC+message), evidenceOf(codes.Unsent))
		if f.Class != want {
			t.Errorf("%q: %v by rule %s, want %v", message, f.Class, f.Rule, want)
		}
	}
}

// TestClassify_metadataServer: a machine that has just started may not have its
// identity yet.
func TestClassify_metadataServer(t *testing.T) {
	for _, tc := range []struct {
		message         string
		later, starting codes.Class
	}{
		{`credentials: cannot fetch token: metadata: GCE metadata "instance/x" not defined`, codes.Auth, codes.Network},
		{`metadata: GCE metadata "instance/x" not defined`, codes.Auth, codes.Network},
		{"compute: Received 403 `Unable to generate access token`", codes.Auth, codes.Network},
		{"compute: Received 404 `x`", codes.Auth, codes.Network},
		{"compute: Received 400 `x`", codes.Auth, codes.Auth},
		{"compute: Received 500 `x`", codes.Network, codes.Network},
		{"impersonate: status code 403: x", codes.Auth, codes.Auth}, // no metadata server
	} {
		err := status.Error(grpccodes.Unauthenticated, perRPC+tc.message)
		ev := evidenceOf(codes.Unsent)
		if f := codes.Classify(err, ev); f.Class != tc.later {
			t.Errorf("%s: %v by rule %s, want %v", tc.message, f.Class, f.Rule, tc.later)
		}
		ev.Starting = true
		if f := codes.Classify(err, ev); f.Class != tc.starting {
			t.Errorf("%s, at the start: %v by rule %s, want %v", tc.message, f.Class, f.Rule, tc.starting)
		}
	}
}
