package codes_test

import (
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// textCase is a status of which only code and text are looked at, and what
// it must be without evidence and, unless that is the same, when the peer
// itself said it.
type textCase struct {
	name     string
	code     grpccodes.Code
	message  string
	class    codes.Class
	rule     string
	answered string // the rule if Answered; empty: the same
}

func (tc *textCase) run(t *testing.T) {
	t.Helper()
	err := status.Error(tc.code, tc.message)
	if f := codes.Classify(err, evidenceOf(codes.Lost)); f.Class != tc.class || f.Rule != tc.rule {
		t.Errorf("Lost: %v by rule %s, want %v by rule %s", f.Class, f.Rule, tc.class, tc.rule)
	}
	want := tc.rule
	if tc.answered != "" {
		want = tc.answered
	}
	f := codes.Classify(err, evidenceOf(codes.Answered))
	if f.Rule != want || f.Reach != codes.Answered {
		t.Errorf("Answered: %v by rule %s, want Answered by rule %s", f.Reach, f.Rule, want)
	}
}

const (
	perRPC    = "transport: per-RPC creds failed due to error: "
	handshake = `connection error: desc = "transport: authentication handshake failed: `
	rst       = "stream terminated by RST_STREAM with error code: "
	connect   = `connection error: desc = "transport: Error while dialing: failed to do connect handshake, `
	httpText  = "unexpected HTTP status code received from server: "
)

// grpcTexts has for each rule about texts of gRPC's libraries one that it
// must know and one that it must not take for it.
func grpcTexts() []textCase {
	return []textCase{
		{"the sender's limit", grpccodes.ResourceExhausted, "trying to send message larger than max (5 vs. 4)", codes.Request, "message-too-large", ""},
		{"a limit after decompression", grpccodes.ResourceExhausted, "grpc: received message after decompression larger than max 4", codes.Request, "message-too-large", ""},
		{"a limit of gRPC core", grpccodes.ResourceExhausted, "CLIENT: Sent message larger than max (5 vs. 4)", codes.Request, "message-too-large", ""},
		{"a limit of grpc-java", grpccodes.ResourceExhausted, "gRPC message exceeds maximum size 4: 5", codes.Request, "message-too-large", ""},
		{"a large message of another kind", grpccodes.ResourceExhausted, "queue: trying to send message larger than max", codes.Quota, "resource-exhausted", ""},
		{"a size limit under another code", grpccodes.Unavailable, "trying to send message larger than max (5 vs. 4)", codes.Server, "unavailable", ""},

		{"the caller closed the connection", grpccodes.Canceled, "grpc: the client connection is closing", codes.Ended, "connection-closed-by-caller", "cancelled-by-server"},
		{
			"the caller closed a connection that was draining", grpccodes.Unavailable,
			`closing transport due to: rpc error: code = Canceled desc = grpc: the client connection is closing, received prior goaway: code: NO_ERROR`,
			codes.Ended, "connection-closed-by-caller", "unavailable",
		},
		{"another connection is closing", grpccodes.Canceled, "the client connection is closing", codes.Network, "cancelled", "cancelled-by-server"},

		{"a grant refused, by x/oauth2", grpccodes.Unauthenticated, perRPC + `oauth2: "invalid_grant" "Bad Request"`, codes.Auth, "credentials-refused", "unauthenticated"},
		{"a grant refused, by cloud auth", grpccodes.Internal, perRPC + `auth: "invalid_client"`, codes.Auth, "credentials-refused", "internal"},
		{
			"a grant refused, for a service account", grpccodes.Unauthenticated,
			perRPC + "oauth2: cannot fetch token: 400 Bad Request\nResponse: {\"error\":\"invalid_grant\",\"error_description\":\"Invalid JWT Signature.\"}",
			codes.Auth, "credentials-refused", "unauthenticated",
		},
		{"no refresh token", grpccodes.Unauthenticated, perRPC + "oauth2: token expired and refresh token is not set", codes.Auth, "credentials-refused", "unauthenticated"},
		{
			"a status that credentials must not return", grpccodes.Internal,
			"transport: received per-RPC creds error with illegal status: rpc error: code = NotFound desc = x", codes.Auth, "credentials-refused", "internal",
		},
		{"a grant named by the way", grpccodes.Unauthenticated, perRPC + `dial "invalid_grant": no route to host`, codes.Network, "token-fetch-failed", "unauthenticated"},
		{"a word that only begins like a grant's", grpccodes.Unauthenticated, perRPC + `oauth2: "invalid_grant_server"`, codes.Network, "token-fetch-failed", "unauthenticated"},

		{"the token endpoint is down", grpccodes.Unauthenticated, perRPC + "oauth2: cannot fetch token: 503 Service Unavailable\nResponse: {\"error\":\"backend_error\"}", codes.Network, "token-fetch-failed", "unauthenticated"},
		{"the token endpoint answers with a page", grpccodes.Unauthenticated, perRPC + "oauth2: cannot fetch token: 502 Bad Gateway\nResponse: <html>\"error\":\"invalid_grant\"", codes.Network, "token-fetch-failed", "unauthenticated"},
		{"the token could not be fetched", grpccodes.Internal, perRPC + "dial tcp: i/o timeout", codes.Network, "token-fetch-failed", "internal"},
		{"a server that has trouble with credentials", grpccodes.Unauthenticated, "per-RPC creds failed due to error: x", codes.Auth, "unauthenticated", ""},

		{"no account on the machine", grpccodes.Unauthenticated, perRPC + `credentials: cannot fetch token: metadata: GCE metadata "x" not defined`, codes.Auth, "credentials-refused", "unauthenticated"},

		{
			"credentials want a secure connection", grpccodes.Unauthenticated,
			"transport: cannot send secure credentials on an insecure connection", codes.Request, "insecure-connection", "unauthenticated",
		},
		{"a server that wants one", grpccodes.Unauthenticated, "cannot send secure credentials on an insecure connection", codes.Auth, "unauthenticated", ""},

		{"the handshake was cut", grpccodes.Unavailable, handshake + `EOF"`, codes.Network, "handshake-cut", "unavailable"},
		{"the handshake was reset", grpccodes.Unavailable, "last connection error: " + handshake + `read tcp 10.0.0.1:1->10.0.0.2:2: read: connection reset by peer"`, codes.Network, "handshake-cut", "unavailable"},
		{"the handshake took too long", grpccodes.Unavailable, handshake + `context deadline exceeded"`, codes.Network, "handshake-cut", "unavailable"},

		{"the certificate is not trusted", grpccodes.Unavailable, handshake + `tls: failed to verify certificate: x509: certificate signed by unknown authority"`, codes.Request, "tls-handshake", "unavailable"},
		{"the last certificate was not trusted", grpccodes.Unavailable, "last connection error: " + handshake + `x509: certificate has expired or is not yet valid"`, codes.Request, "tls-handshake", "unavailable"},
		{"an alert in place of the preface", grpccodes.Unavailable, `connection error: desc = "error reading server preface: remote error: tls: certificate required"`, codes.Request, "tls-handshake", "unavailable"},
		{"an alert in place of the preface, as it was", grpccodes.Unavailable, "error reading server preface: remote error: tls: bad certificate", codes.Request, "tls-handshake", "unavailable"},
		{"an alert later", grpccodes.Unavailable, "error reading from server: remote error: tls: bad certificate", codes.Request, "tls-handshake", "unavailable"},
		{"an error of another that ends like a cut", grpccodes.Unavailable, `connection error: desc = "transport: Error while dialing: EOF"`, codes.Network, "connection-failed", "unavailable"},
		{"a text about certificates", grpccodes.Unavailable, "x509: certificate signed by unknown authority", codes.Server, "unavailable", ""},

		{"a peer that speaks HTTP/1.1", grpccodes.Unavailable, `connection error: desc = "error reading server preface: http2: frame too large"`, codes.Request, "no-http2", "unavailable"},
		{"a frame that is too large later", grpccodes.Unavailable, "error reading from server: http2: frame too large", codes.Network, "connection-failed", "unavailable"},
		{"a forward proxy wants credentials", grpccodes.Unavailable, connect + `response: \"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n\""`, codes.Auth, "proxy-refused", "unavailable"},
		{"a forward proxy will not", grpccodes.Unavailable, "last connection error: " + connect + `response: \"HTTP/1.0 403 Forbidden\r\n\r\n\""`, codes.Auth, "proxy-refused", "unavailable"},
		{"a forward proxy whose answer cannot be shown", grpccodes.Unavailable, connect + `status code: 407 Proxy Authentication Required"`, codes.Auth, "proxy-refused", "unavailable"},
		{"a forward proxy without CONNECT", grpccodes.Unavailable, connect + `response: \"HTTP/1.1 405 Method Not Allowed\r\n\r\n\""`, codes.Request, "proxy-no-connect", "unavailable"},
		{"a forward proxy in trouble", grpccodes.Unavailable, connect + `response: \"HTTP/1.1 503 Service Unavailable\r\n\r\n\""`, codes.Network, "connection-failed", "unavailable"},
		{"a forward proxy that limits the rate", grpccodes.Unavailable, connect + `response: \"HTTP/1.1 429 Too Many Requests\r\n\r\n\""`, codes.Network, "connection-failed", "unavailable"},
		{"an address that is none", grpccodes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp: address fc00::4:51111: too many colons in address"`, codes.Request, "wrong-address", "unavailable"},
		{"an address that is none, with grpc.FailOnNonTempDialError", grpccodes.Unavailable, `connection error: desc = "transport: error while dialing: dial tcp: address x: missing port in address"`, codes.Request, "wrong-address", "unavailable"},
		{
			"an address that is none, beside an error of the resolver", grpccodes.Unavailable,
			`last connection error: connection error: desc = "transport: Error while dialing: dial tcp: address 99999: invalid port"; last resolver error: x`,
			codes.Request, "wrong-address", "unavailable",
		},
		{"a dialer that has lost an address", grpccodes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp: lookup x: no such host"`, codes.Network, "connection-failed", "unavailable"},
		{"a target that the resolver rejects", grpccodes.Unavailable, "invalid target address http://localhost:5110, error info: address http://localhost:5110:443: too many colons in address", codes.Request, "wrong-target", "unavailable"},
		{"a target of the server's", grpccodes.Unavailable, "backend: invalid target address x", codes.Server, "unavailable", ""},

		{"a service config that does not parse", grpccodes.Unavailable, "error parsing service config: x", codes.Request, "wrong-set-up", "unavailable"},
		{"an authority that does not fit", grpccodes.Unavailable, `failed to validate authority "x" : x509`, codes.Request, "wrong-set-up", "unavailable"},
		{"an error of parsing", grpccodes.Unavailable, "config: error parsing service config: x", codes.Server, "unavailable", ""},

		{"a stream refused", grpccodes.Unavailable, rst + "REFUSED_STREAM", codes.Network, "refused-stream", "unavailable"},
		{"a stream reset", grpccodes.Internal, rst + "INTERNAL_ERROR", codes.Network, "stream-reset", "internal"},
		{"a stream calmed down is no quota", grpccodes.ResourceExhausted, rst + "ENHANCE_YOUR_CALM", codes.Network, "stream-reset", "resource-exhausted"},
		{"a stream reset at the attempt's deadline", grpccodes.DeadlineExceeded, rst + "CANCEL", codes.Timeout, "deadline-exceeded", ""},
		{"another client's reset", grpccodes.Internal, "upstream: " + rst + "INTERNAL_ERROR", codes.Server, "internal", ""},

		{"the connection drains", grpccodes.Unavailable, "the connection is draining", codes.Network, "connection-draining", "unavailable"},
		{"the server drains the connection", grpccodes.Unavailable, "the stream is rejected because server is draining the connection", codes.Network, "connection-draining", "unavailable"},
		{"something else drains", grpccodes.Unavailable, "the queue is draining", codes.Server, "unavailable", ""},

		{"HTTP/1.1 is required", grpccodes.Internal, rst + "HTTP_1_1_REQUIRED", codes.Request, "http2-required", "internal"},
		{"security is inadequate", grpccodes.PermissionDenied, rst + "INADEQUATE_SECURITY", codes.Request, "http2-required", "permission-denied"},
		{"security without a reset", grpccodes.PermissionDenied, "INADEQUATE_SECURITY", codes.Auth, "permission-denied", ""},

		{"a stream without trailers", grpccodes.Internal, "server closed the stream without sending trailers", codes.Network, "stream-cut", "internal"},
		{"a message cut", grpccodes.Internal, "unexpected EOF", codes.Network, "stream-cut", "internal"},
		{"a stream removed", grpccodes.Unknown, "Stream removed", codes.Network, "stream-cut", "other"},
		{"an unexpected EOF elsewhere", grpccodes.Internal, "reading the index: unexpected EOF", codes.Server, "internal", ""},

		{"a proxy refuses", grpccodes.Unknown, httpText + "413 (Request Entity Too Large)", codes.Request, "http-refused", "other"},
		{"a proxy redirects", grpccodes.Unknown, httpText + "302 (Found)", codes.Request, "http-refused", "other"},
		{"a proxy has no backend", grpccodes.Unavailable, httpText + "503 (Service Unavailable)", codes.Network, "http-unavailable", "unavailable"},
		{"a proxy limits the rate", grpccodes.Unavailable, httpText + "429 (Too Many Requests)", codes.Network, "http-unavailable", "unavailable"},
		{"a proxy is too early", grpccodes.Unknown, httpText + "425 (Too Early)", codes.Network, "http-unavailable", "other"},
		{"a web server that says success", grpccodes.Unknown, httpText + "200 (OK)", codes.Request, "http-refused", "other"},
		{"a status and nothing behind it", grpccodes.Unavailable, httpText + "503", codes.Network, "http-unavailable", "unavailable"},
		{"a status that ends in a nine too many", grpccodes.Unknown, httpText + "5039", codes.Other, "other", ""},
		{"a status of four digits", grpccodes.Unknown, httpText + "5030 ()", codes.Other, "other", ""},
		{"a status that is no number", grpccodes.Unknown, httpText + "5x3 ()", codes.Other, "other", ""},
		{"a status cut short", grpccodes.Unknown, httpText + "50", codes.Other, "other", ""},
		{"a status code in another text", grpccodes.Unknown, "HTTP status 503", codes.Other, "other", ""},

		{"nobody listens", grpccodes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`, codes.Network, "connection-failed", "unavailable"},
		{"the name is not found", grpccodes.Unavailable, "name resolver error: produced zero addresses", codes.Network, "connection-failed", "unavailable"},
		{"the connection was reset", grpccodes.Unavailable, "error reading from server: read tcp 10.0.0.1:1->10.0.0.2:2: read: connection reset by peer", codes.Network, "connection-failed", "unavailable"},
		{"the connection could not be written to", grpccodes.Unavailable, "write tcp 10.0.0.1:1->10.0.0.2:2: write: broken pipe", codes.Network, "connection-failed", "unavailable"},
		{"a keepalive without answer", grpccodes.Unavailable, "keepalive ping failed to receive ACK within timeout", codes.Network, "connection-failed", "unavailable"},
		{"the server's own connection", grpccodes.Unavailable, "database connection error: desc = x", codes.Server, "unavailable", ""},
		{"the same text under another code", grpccodes.Internal, "error reading from server: EOF", codes.Server, "internal", ""},

		{"a message that does not marshal", grpccodes.Internal, "grpc: error while marshaling: string field contains invalid UTF-8", codes.Request, "codec", ""},
		{"a request that does not unmarshal", grpccodes.Internal, "grpc: error unmarshalling request: proto: cannot parse", codes.Request, "codec", ""},
		{"a header that is illegal", grpccodes.Internal, `header key "A B" contains illegal characters not in [0-9a-z-_.]`, codes.Request, "codec", ""},
		{"marshalling elsewhere", grpccodes.Internal, "error while marshaling the index", codes.Server, "internal", ""},
	}
}

func TestClassify_textsOfGRPC(t *testing.T) {
	for _, tc := range grpcTexts() {
		t.Run(tc.name, tc.run)
	}
}

// TestClassify_unsentByText: what grpc-go says of a stream that its peer did not
// process, where the stream is known to be the attempt's own.
func TestClassify_unsentByText(t *testing.T) {
	headed := evidenceOf(codes.Lost)
	headed.Header = map[string][]string{"content-type": {"application/grpc"}}
	for _, message := range []string{
		rst + "REFUSED_STREAM", "the connection is draining", "the stream is rejected because server is draining the connection",
	} {
		for _, tc := range []struct {
			name string
			ev   codes.Evidence
			want codes.Reach
		}{
			{"a stream that broke", evidenceOf(codes.Lost), codes.Unsent},
			{"no evidence", codes.Evidence{}, codes.Lost},
			{"the peer's own status", evidenceOf(codes.Answered), codes.Answered},
			{"a stream that has headers, and was processed", headed, codes.Lost},
		} {
			t.Run(message+", "+tc.name, func(t *testing.T) {
				if f := codes.Classify(status.Error(grpccodes.Unavailable, message), tc.ev); f.Reach != tc.want {
					t.Errorf("reach %v by rule %s, want %v", f.Reach, f.Rule, tc.want)
				}
			})
		}
	}
}

// TestClassify_textsBeforeAStream: what grpc-go says before there is a stream proves
// nothing by itself, since a server may relay it; that there was none does.
func TestClassify_textsBeforeAStream(t *testing.T) {
	headed := evidenceOf(codes.Lost)
	headed.Header = map[string][]string{"content-type": {"application/grpc"}}
	for _, tc := range []textCase{
		{code: grpccodes.Unauthenticated, message: perRPC + "dial tcp: i/o timeout"},
		{code: grpccodes.Unauthenticated, message: perRPC + `oauth2: "invalid_grant"`},
		{code: grpccodes.Internal, message: "transport: received per-RPC creds error with illegal status: x"},
		{code: grpccodes.Unauthenticated, message: "transport: cannot send secure credentials on an insecure connection"},
		{code: grpccodes.Unavailable, message: handshake + `EOF"`},
		{code: grpccodes.Unavailable, message: handshake + `x509: certificate signed by unknown authority"`},
		{code: grpccodes.Unavailable, message: "invalid target address x"},
	} {
		t.Run(tc.message, func(t *testing.T) {
			err := status.Error(tc.code, tc.message)
			for _, reach := range reaches() {
				if f := codes.Classify(err, evidenceOf(reach)); f.Reach != reach {
					t.Errorf("reach %v by rule %s, want %v", f.Reach, f.Rule, reach)
				}
			}
			local := codes.Classify(err, codes.Evidence{})
			if local.Reach != codes.Lost {
				t.Errorf("without evidence: reach %v, want Lost", local.Reach)
			}
			if f := codes.Classify(err, headed); f.Rule == local.Rule {
				t.Errorf("after headers: rule %s, want it to be the server's word", f.Rule)
			}
		})
	}
}

func TestClassify_wordsOfGRPCsRetries(t *testing.T) {
	const wrapped = "max retries exhausted: failed after 3 attempts: rpc error: code = Unavailable desc = "
	for message, want := range map[string]string{
		wrapped + "The model is overloaded.":       "overloaded",
		wrapped + "error reading from server: EOF": "connection-failed",
		wrapped:                            "unavailable",
		"max retries exhausted: the model": "unavailable",
		"max retries exhausted: failed after 3 attempts: rpc error: code = Unavailable": "unavailable",
		"sorry, " + wrapped + "The model is overloaded.":                                "unavailable",
	} {
		t.Run(message, func(t *testing.T) {
			if f := codes.Classify(status.Error(grpccodes.Unavailable, message), codes.Evidence{}); f.Rule != want {
				t.Errorf("rule %s, want %s", f.Rule, want)
			}
		})
	}
}
