package codes_test

import (
	"strings"
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// The tests of this file go through lists that only work if every entry is
// spelled as the service or library spells it. They say each of them again,
// in the form in which it is sent.

func TestClassify_everyErrorReason(t *testing.T) {
	// google/api/error_reason.proto as of genproto 20261019, and four reasons
	// of Cloud Code that were seen.
	reasons := map[codes.Class][]string{
		codes.Quota:   {"RATE_LIMIT_EXCEEDED", "MODEL_CAPACITY_EXHAUSTED", "MODEL_CAPACITY_EXCEEDED"},
		codes.Spent:   {"RESOURCE_QUOTA_EXCEEDED", "EMULATOR_QUOTA_EXCEEDED", "BILLING_DISABLED", "QUOTA_EXHAUSTED", "INSUFFICIENT_G1_CREDITS_BALANCE"},
		codes.Expired: {"ACCESS_TOKEN_EXPIRED"},
		codes.Request: {"RESOURCE_PROJECT_INVALID", "SYSTEM_PARAMETER_UNSUPPORTED", "MISSING_ORIGIN"},
		codes.Auth: {
			"SERVICE_DISABLED", "API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED",
			"API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED", "API_KEY_ANDROID_APP_BLOCKED", "API_KEY_IOS_APP_BLOCKED",
			"LOCATION_TAX_POLICY_VIOLATED", "USER_PROJECT_DENIED", "CONSUMER_SUSPENDED", "CONSUMER_INVALID",
			"SECURITY_POLICY_VIOLATED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "ACCOUNT_STATE_INVALID", "ACCESS_TOKEN_TYPE_UNSUPPORTED",
			"CREDENTIALS_MISSING", "SESSION_COOKIE_INVALID", "USER_BLOCKED_BY_ADMIN", "RESOURCE_USAGE_RESTRICTION_VIOLATED",
			"ORG_RESTRICTION_VIOLATION", "ORG_RESTRICTION_HEADER_INVALID", "SERVICE_NOT_VISIBLE", "GCP_SUSPENDED",
			"LOCATION_POLICY_VIOLATED", "OVERLOADED_CREDENTIALS", "LOCATION_ORG_POLICY_VIOLATED", "TLS_ORG_POLICY_VIOLATED",
			"CREDENTIAL_ANDROID_APP_INVALID", "IAM_PERMISSION_DENIED", "JWT_TOKEN_INVALID", "CREDENTIAL_TYPE_UNSUPPORTED",
			"ACCOUNT_TYPE_UNSUPPORTED", "ENDPOINT_USAGE_RESTRICTION_VIOLATED", "TLS_CIPHER_RESTRICTION_VIOLATED", "MCP_SERVER_DISABLED",
		},
	}
	for want, all := range reasons {
		for _, reason := range all {
			t.Run(reason, func(t *testing.T) {
				const byCode = "resource-exhausted" // what decides where the reason says nothing
				f := codes.Classify(withDetails(t, re, "x", errorInfo(reason, "googleapis.com")), evidenceOf(codes.Answered))
				if f.Class != want || f.Rule == byCode {
					t.Errorf("%v by rule %s, want %v by the reason", f.Class, f.Rule, want)
				}
				if strings.HasPrefix(reason, "MODEL_CAPACITY") {
					return // means the same everywhere
				}
				f = codes.Classify(withDetails(t, re, "x", errorInfo(reason, "example.com")), evidenceOf(codes.Answered))
				if f.Rule != byCode {
					t.Errorf("of another domain: %v by rule %s, want rule %s", f.Class, f.Rule, byCode)
				}
			})
		}
	}
	for _, reason := range []string{"MODEL_CAPACITY_EXHAUSTED", "MODEL_CAPACITY_EXCEEDED"} {
		if f := codes.Classify(withDetails(t, un, "x", errorInfo(reason, "googleapis.com")), evidenceOf(codes.Answered)); f.Rule != "model-capacity" {
			t.Errorf("%s on UNAVAILABLE: rule %s, want model-capacity", reason, f.Rule)
		}
	}
}

func TestClassify_everyTextInItsList(t *testing.T) {
	const internal = grpccodes.Internal
	for rule, texts := range map[string]map[string]grpccodes.Code{
		"message-too-large": {
			"trying to send message larger than max (5 vs. 4)":                                   re,
			"grpc: trying to send message larger than max (5 vs. 4)":                             re,
			"grpc: received message larger than max (5 vs. 4)":                                   re,
			"grpc: received message larger than max length allowed on current machine (5 vs. 4)": re,
			"grpc: message after decompression larger than max (5 vs. 4)":                        re,
			"grpc: received message after decompression larger than max 4":                       re,
			"grpc: message too large (5 bytes)":                                                  re,
			"received message larger than max (5 vs. 4)":                                         re,
			"message after decompression larger than max (5 vs. 4)":                              re,
			"Received message larger than max (5 vs. 4)":                                         re,
			"Sent message larger than max (5 vs. 4)":                                             re,
			"CLIENT: Received message larger than max (5 vs. 4)":                                 re,
			"CLIENT: Sent message larger than max (5 vs. 4)":                                     re,
			"SERVER: Received message larger than max (5 vs. 4)":                                 re,
			"SERVER: Sent message larger than max (5 vs. 4)":                                     re,
			"gRPC message exceeds maximum size 4: 5":                                             re,
			"Compressed gRPC message exceeds maximum size 4: 5 bytes read":                       re,
			"Decompressed gRPC message exceeds maximum size 4":                                   re,
		},
		"tls-handshake": {
			handshake + `tls: first record does not look like a TLS handshake"`: un,
			"error reading server preface: remote error: tls: bad certificate":  un,
		},
		"stream-cut": {
			"server closed the stream without sending trailers": internal,
			"unexpected EOF": grpccodes.Unknown,
			"Stream removed": grpccodes.Unknown,
		},
		"http-refused": {
			httpText + "300 (Multiple Choices)": grpccodes.Unknown,
			httpText + "499 ()":                 grpccodes.Unknown,
		},
		"http-unavailable": {
			httpText + "500 (Internal Server Error)": grpccodes.Unknown,
			httpText + "408 (Request Timeout)":       grpccodes.Unknown,
			httpText + "504 (Gateway Timeout)":       un,
		},
		"wrong-target": {
			"invalid target address http://x, error info: x":                          un,
			"dns resolver: missing address":                                           un,
			"dns resolver: missing port after port-separator colon":                   un,
			`delegating_resolver: invalid target address "x:": x`:                     un,
			`delegating_resolver: failed to determine proxy URL for target "x": x`:    un,
			"delegating_resolver: unable to build the resolver for target dns://x: x": un,
			"invalid (non-empty) authority: x":                                        un,
			"passthrough: received empty target in Build()":                           un,
		},
		"token-fetch-failed": {
			"credentials: failed to fetch ID token: HTTP status 503: x":   un,
			"credentials: fetched token is expired":                       un,
			"open /x: no such file or directory: token file access error": un,
		},
		"wrong-set-up": {
			"error parsing service config: invalid character 'x'":                        un,
			"illegal service config type: int":                                           un,
			`credentials type "x" does not implement the AuthorityValidator interface`:   un,
			`failed to validate authority "x" : x509: certificate is valid for y, not x`: un,
		},
		"connection-draining": {
			"the connection is draining":                                       un,
			"the stream is rejected because server is draining the connection": un,
		},
		"connection-failed": {
			`connection error: desc = "transport: Error while dialing: dial tcp: lookup x: no such host"`: un,
			`last connection error: connection error: desc = "transport: Error while dialing: EOF"`:       un,
			"name resolver error: produced zero addresses":                                                un,
			"last resolver error: produced zero addresses":                                                un,
			"error reading from server: EOF":                                                              un,
			"closing transport due to: connection error, received prior goaway: code: NO_ERROR":           un,
			"transport is closing":                                            un,
			"transport: failed to write client preface: EOF":                  un,
			"closing connection since the server is not reading: i/o timeout": un,
			"keepalive ping failed to receive ACK within timeout":             un,
			"no active streams left to process while draining":                un,
			"received goaway and there are no active streams":                 un,
			"error reading server preface: EOF":                               un,
			"no children to pick from":                                        un,
			"all SubConns are in TransientFailure":                            un,
			"SubConn state is not Ready":                                      un,
			"pickfirst: health check failure: x":                              un,
			"write tcp 10.0.0.1:1->10.0.0.2:2: write: broken pipe":            un,
			"write unix @->/run/x: write: broken pipe":                        un,
		},
		"handshake-cut": {
			handshake + `EOF"`: un,
			handshake + `read tcp: read: connection reset by peer"`:   un,
			handshake + `write tcp: write: broken pipe"`:              un,
			handshake + `read tcp: i/o timeout"`:                      un,
			handshake + `context deadline exceeded"`:                  un,
			handshake + `read tcp: use of closed network connection"`: un,
		},
		"credentials-refused": {
			"transport: received per-RPC creds error with illegal status: rpc error: code = NotFound desc = x": internal,
			perRPC + `oauth2: "invalid_request"`:                                                     internal,
			perRPC + `oauth2: "invalid_client" "x"`:                                                  internal,
			perRPC + `oauth2: "invalid_grant" "x" "https://x"`:                                       internal,
			perRPC + `auth: "unauthorized_client"`:                                                   ua,
			perRPC + `auth: "unsupported_grant_type"`:                                                ua,
			perRPC + `credentials: cannot fetch token: auth: "invalid_scope"`:                        ua,
			perRPC + "auth: cannot fetch token: 400\nResponse: {\n  \"error\": \"invalid_grant\"\n}": ua,
		},
		"codec": {
			"grpc: error while marshaling: x":                                            internal,
			"grpc: failed to unmarshal the received message: x":                          internal,
			"grpc: error unmarshalling request: x":                                       internal,
			"grpc: error while compressing: x":                                           internal,
			"grpc: failed to decompress the received message: x":                         internal,
			"grpc: failed to read decompressed data: x":                                  internal,
			`grpc: Compressor is not installed for requested grpc-encoding "x"`:          internal,
			`grpc: Decompressor is not installed for grpc-encoding "x"`:                  internal,
			"grpc: compressed flag set with identity or empty encoding":                  internal,
			`grpc: peer compressed the response with "x" which is not allowed`:           internal,
			"grpc: no decompressor available for compressed payload":                     internal,
			"grpc: received unexpected payload format 7":                                 internal,
			"no codec registered for content-subtype x":                                  internal,
			"header list size to send violates the maximum size (9 bytes) set by server": internal,
			`header key "A" contains value with non-printable ASCII characters`:          internal,
			"there is an empty key in the header":                                        internal,
			"SendMsg called after CloseSend":                                             internal,
		},
		"billing": {
			"Billing is off.":                               re,
			"You have no credits.":                          re,
			"The credit balance is negative.":               re,
			"The prepayment is used up.":                    re,
			"Your prepaid plan has ended.":                  re,
			"You reached your spending cap.":                re,
			"You reached your spending limit.":              re,
			"You reached your billing cycle's spend limit.": re,
			"You reached your monthly spend limit.":         re,
			"Spend limits are disabled.":                    re,
		},
		"quota-per-day": {
			"1500 requests per day.":   re,
			"metric requests_per_day":  re,
			"RequestsPerDayPerProject": re,
			"DailyRequests":            re,
		},
		"quota-per-minute": {
			"60 requests per minute.":     re,
			"metric requests_per_minute":  re,
			"RequestsPerMinutePerProject": re,
		},
		"spend-limit": {
			"You reached your spend limit.":                      re,
			"You exceeded the spend limits of the last minutes.": re,
			"Spend limit exceeded.":                              re,
		},
		"quota-zero": {
			"Gemini 2.5 Pro doesn't have a free quota tier.":           re,
			"Gemini 2.5 Pro doesn’t have a free quota tier.":           re,
			"This model does not have a free tier.":                    re,
			"The model has no free tier.":                              re,
			"The model is not available in the free tier, please pay.": re,
			"Image generation is not available on the Free Tier.":      re,
			"There is no free tier for it.":                            re,
			"Free requests: limit: 0":                                  re,
		},
		"provisioned-throughput": {
			"Exceeded the provisioned throughput.":        re,
			"Exceeded the Provisioned Throughput.":        re,
			"Sorry. Exceeded the provisioned throughput.": re,
		},
		"vertex-quota": {
			"Quota exceeded for aiplatform.googleapis.com/online_prediction_requests with base model: x.": re,
		},
		"shared-capacity": {
			"Resource exhausted. Please try again later.": re,
		},
		"proxy-cut": {
			"upstream connect error or disconnect/reset before headers. reset reason: connection termination": un,
			"upstream request timeout": un,
		},
		"deadline-expired": {
			"Deadline expired before operation could complete.": un,
		},
		"cancelled-by-server": {
			"The operation was cancelled.": grpccodes.Canceled,
		},
		"api-key": {
			"API key not valid. Please pass a valid API key.": ia,
			"API key expired. Please renew the API key.":      ia,
			"API Key not found. Please pass a valid API key.": ia,
		},
		"overloaded": {
			"The model is overloaded. Please try again later.":                          un,
			"This model is currently experiencing high demand. Please try again later.": un,
			"The service is currently unavailable.":                                     un,
		},
	} {
		for text, code := range texts {
			t.Run(text, func(t *testing.T) {
				f := codes.Classify(status.Error(code, text), codes.Evidence{})
				if f.Rule != rule {
					t.Errorf("%v by rule %s, want rule %s", f.Class, f.Rule, rule)
				}
				// The words alone, under a code that they do not come with.
				if f := codes.Classify(status.Error(grpccodes.OutOfRange, text), codes.Evidence{}); f.Rule != "out-of-range" {
					t.Errorf("on OUT_OF_RANGE: %v by rule %s, want rule out-of-range", f.Class, f.Rule)
				}
			})
		}
	}
}

func TestClassify_limitBeforeOtherCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"limit: 0,":   "quota-zero",
		"limit: 0\n":  "quota-zero",
		"limit: 0/x":  "quota-zero", // the character before the digits
		"limit: 0:x":  "quota-zero", // the character after them
		"limit: 00":   "resource-exhausted",
		"limit: 09":   "resource-exhausted",
		"limit: 0.1":  "resource-exhausted",
		"_limit: 0":   "quota-zero",
		"alimit: 0":   "resource-exhausted",
		"Zlimit: 0":   "resource-exhausted",
		"zlimit: 0":   "resource-exhausted",
		"Alimit: 0":   "resource-exhausted",
		"a limit: 0 ": "quota-zero",
	} {
		if f := codes.Classify(status.Error(re, text), codes.Evidence{}); f.Rule != want {
			t.Errorf("%q: rule %s, want %s", text, f.Rule, want)
		}
	}
}
