package codes

import (
	"slices"
	"strings"

	grpccodes "google.golang.org/grpc/codes"
)

// This file belongs to rules_grpc.go and holds the searches beyond the prefix of a
// text.

// The prefixes shared by several rules.
const (
	closedByCaller      = "grpc: the client connection is closing"
	perRPCFailed        = "transport: per-RPC creds failed due to error: "
	rstStream           = "stream terminated by RST_STREAM with error code: "
	lastConnectionError = "last connection error: "
	connectionError     = "connection error: desc = \""
	handshakeFailed     = "transport: authentication handshake failed: "
	insecureConnection  = "transport: cannot send secure credentials on an insecure connection"
	httpStatusText      = "unexpected HTTP status code received from server: "
	noPreface           = "error reading server preface: "
	alert               = "remote error: tls: "
)

// perRPCCodes are the codes after a credentials source failed with a plain error:
// UNAUTHENTICATED for the connection's source, INTERNAL for the call's.
var perRPCCodes = []grpccodes.Code{grpccodes.Unauthenticated, grpccodes.Internal}

// connecting returns the texts in the three forms of a failed connection: alone,
// behind the transport's prefix, and behind a balancer's prefix.
func connecting(texts ...string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, text, connectionError+text, lastConnectionError+connectionError+text)
	}
	return all
}

// dialing returns the texts in the forms of a dialer's error quoted by grpc-go. With
// grpc.FailOnNonTempDialError grpc-go writes a lower-case letter.
func dialing(texts ...string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, connecting("transport: Error while dialing: "+text, "transport: error while dialing: "+text)...)
	}
	return all
}

// proxyAnswers are the prefixes of texts about an answer to CONNECT.
var proxyAnswers = dialing(
	`failed to do connect handshake, response: \"HTTP/1.1 `, `failed to do connect handshake, response: \"HTTP/1.0 `,
	"failed to do connect handshake, status code: ",
)

// retriesExhausted begins the text of a failure after grpc-go's own retries gave up
// (stream.go shouldRetry).
const retriesExhausted = "max retries exhausted: failed after "

// RetriedByGRPC reports whether grpc-go's own retries, configured by a service
// config, gave up on err. grpc-go writes its text around the status, not into the
// status.
func RetriedByGRPC(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), retriesExhausted)
}

// unwrapRetries removes the text of grpc-go's own retries before the last status
// (stream.go shouldRetry).
func unwrapRetries(message string) string {
	rest, ok := strings.CutPrefix(message, retriesExhausted)
	if !ok {
		return message
	}
	if _, inner, ok := strings.Cut(rest, "rpc error: code = "); ok {
		if _, desc, ok := strings.Cut(inner, " desc = "); ok {
			return desc
		}
	}
	return message
}

// handshakeCut reports whether the connection broke during a TLS handshake, in
// contrast to a refused handshake.
func handshakeCut(message string) bool {
	return hasSuffix(strings.TrimSuffix(message, `"`), []string{
		"EOF", "connection reset by peer", "broken pipe", "i/o timeout", "context deadline exceeded", "use of closed network connection",
	})
}

// tokenAnswer returns the HTTP status of a token endpoint's answer, or 0 if the
// message names none. metadata reports whether the answer came from the machine's
// metadata server. A refusal with an OAuth error code counts as 400.
func tokenAnswer(message string) (httpStatus int, metadata bool) {
	cause, ok := strings.CutPrefix(message, perRPCFailed)
	if !ok {
		return 0, false
	}
	cause = beyond(cause, fetching)
	if rest, ok := cutAny(cause, answered); ok {
		return leadingStatus(rest), false
	}
	if rest, ok := cutAny(cause, []string{`oauth2: "`, `auth: "`}); ok {
		if code, _, ok := strings.Cut(rest, `"`); ok && slices.Contains(oauthRefusals, code) {
			return 400, false
		}
		return 0, false
	}
	switch {
	case strings.HasPrefix(cause, "oauth2: token expired and refresh token is not set"):
		return 400, false
	case strings.HasPrefix(cause, "metadata: GCE metadata ") && strings.HasSuffix(cause, " not defined"):
		return 404, true
	}
	if rest, ok := strings.CutPrefix(cause, "compute: Received "); ok {
		return leadingStatus(rest), true
	}
	return leadingStatus(cause), false
}

// fetching are the prefixes of libraries before the error of a fetch: those of
// cloud.google.com/go/auth and golang.org/x/oauth2, which nest, and those of
// net/http.
var fetching = []string{
	"credentials: cannot fetch token: ", "oauth2: cannot fetch token: ", "auth: cannot fetch token: ",
	"impersonate: unable to generate access token: ", "impersonate: unable to generate ID token: ",
	"impersonate: unable to exchange token: ", "impersonate: unable to sign JWT: ",
	"oauth2/google: unable to generate access token: ", "oauth2/google: invalid response from Secure Token Server: ",
	"credentials: unable to generate access token: ", "downscope: unable to obtain root token: ",
	"Get \"", "Post \"", // net/http; the address and a quote follow
}

// answered are the words before the HTTP status of the answer in such a library's
// error.
var answered = []string{
	"impersonate: status code ", "credentials: status code ", "oauth2/google: status code ", "oauth2/google/externalaccount: status code ",
	"downscope: unable to exchange token, ", "downscope: unable to exchange token; ",
	"http status ", // grpc-go credentials/sts
}

// oauthRefusals are the permanent error codes of token endpoints: those of RFC 6749
// sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 8693 section 2.2.2, and
// Google's.
var oauthRefusals = []string{
	"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope", "access_denied",
	"invalid_token", "insufficient_scope", "invalid_target", "deleted_client", "admin_policy_enforced", "org_internal",
}

// beyond strips words from the beginning of s as often as one matches. Words with a
// quote at the end precede an address; beyond strips the address too, up to the next
// quote and colon.
func beyond(s string, words []string) string {
	for {
		rest, ok := cutAny(s, words)
		if ok && s[len(s)-len(rest)-1] == '"' {
			_, rest, ok = strings.Cut(rest, `": `)
		}
		if !ok {
			return s
		}
		s = rest
	}
}

// proxyStatus returns the HTTP status of a forward proxy's answer to CONNECT, or 0.
func proxyStatus(message string) int {
	rest, _ := cutAny(message, proxyAnswers)
	return leadingStatus(rest)
}

// wrongAddress reports whether the dialer got an invalid address for its network.
func wrongAddress(message string) bool {
	message, _, _ = strings.Cut(message, `"; last resolver error: `)
	message = strings.TrimSuffix(message, `"`)
	return strings.HasSuffix(message, ": missing address") || hasSuffix(message, []string{
		": too many colons in address", ": missing port in address", ": missing ']' in address", ": unexpected '[' in address",
		": unexpected ']' in address", ": invalid port", ": unknown port",
	})
}

// httpStatus returns the HTTP status from a peer that is not a gRPC server, or 0.
func httpStatus(message string) int {
	rest, ok := strings.CutPrefix(message, httpStatusText)
	if !ok {
		return 0
	}
	return leadingStatus(rest)
}

// httpRefusal reports whether the HTTP status makes repeating useless.
func httpRefusal(httpStatus int) bool {
	return httpStatus >= 200 && httpStatus < 500 && httpStatus != 408 && httpStatus != 425 && httpStatus != 429
}
