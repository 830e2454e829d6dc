package codes

import (
	"encoding/json"
	"strconv"
	"strings"

	grpccodes "google.golang.org/grpc/codes"
)

// This file is the only one that matches the texts of gRPC's own libraries:
// grpc-go v1.85.0 unless the source says otherwise. They are a closed list;
// a text that is not in it is taken for the server's.

// limitRules are limits on the size of a message. They are RESOURCE_EXHAUSTED
// and have nothing to do with quota: the same message is too large for ever.
// A server sends the same texts, so they hold whatever the Reach.
var limitRules = []Rule{{
	Name: "message-too-large", Class: Request,
	Source: "grpc-go stream.go, rpc_util.go; gRPC core message_size_filter.cc; grpc-java MessageDeframer",
	Codes:  []grpccodes.Code{grpccodes.ResourceExhausted},
	Prefixes: []string{
		"trying to send message larger than max",
		"grpc: received message larger than max",
		"grpc: message after decompression larger than max",
		"grpc: received message after decompression larger than max",
		"grpc: message too large",
		"received message larger than max",
		"message after decompression larger than max",
		"Received message larger than max", "Sent message larger than max",
		"CLIENT: Received message larger than max", "CLIENT: Sent message larger than max",
		"SERVER: Received message larger than max", "SERVER: Sent message larger than max",
		"gRPC message exceeds maximum size", "Compressed gRPC message exceeds maximum size",
		"Decompressed gRPC message exceeds maximum size",
	},
}}

// localRules are the failures that grpc-go reports by itself. None of them
// holds for a status that the peer sent: there the same words are another
// client's failure, relayed.
var localRules = []Rule{
	{
		Name: "connection-closed-by-caller", Class: Ended, Local: true,
		Source:   "grpc-go clientconn.go ErrClientConnClosing: no later attempt on this connection can succeed",
		Codes:    []grpccodes.Code{grpccodes.Canceled, grpccodes.Unavailable}, // UNAVAILABLE where the server had sent GOAWAY
		Prefixes: []string{closedByCaller, "closing transport due to: rpc error: code = Canceled desc = " + closedByCaller},
	},
	{
		Name: "credentials-refused", Class: Auth, Local: true, Unsent: true,
		Source:   "RFC 6749 section 5.2: the token endpoint refuses the grant itself; texts of golang.org/x/oauth2 and cloud.google.com/go/auth",
		Codes:    perRPCCodes,
		Prefixes: []string{perRPCFailed},
		Match:    func(r *Report) bool { return oauthRefusal(r.Message) },
	},
	{
		Name: "credentials-refused", Class: Auth, Local: true, Unsent: true,
		Source:   "gRFC A54: the source of the token failed with a code that no fault of the network has, such as NOT_FOUND",
		Codes:    []grpccodes.Code{grpccodes.Internal},
		Prefixes: []string{"transport: received per-RPC creds error with illegal status: "},
	},
	{
		Name: "token-fetch-failed", Class: Network, Local: true, Unsent: true,
		Source:   "grpc-go internal/transport/http2_client.go getTrAuthData, getCallAuthData",
		Codes:    perRPCCodes,
		Prefixes: []string{perRPCFailed},
	},
	{
		Name: "insecure-connection", Class: Request, Local: true, Unsent: true,
		Source: "grpc-go internal/transport/http2_client.go",
		Prefixes: []string{
			insecureConnection, connectionError + insecureConnection,
			lastConnectionError + connectionError + insecureConnection,
		},
	},
	{
		Name: "handshake-cut", Class: Network, Local: true, Unsent: true,
		Source:   "grpc-go internal/transport/http2_client.go; the handshake ended with the connection, not with a refusal (a server that restarts, a load balancer without backends)",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: handshakes,
		Match:    func(r *Report) bool { return handshake(r.Message) == cut },
	},
	{
		Name: "tls-handshake", Class: Request, Local: true, Unsent: true,
		Source:   "grpc-go internal/transport/http2_client.go; crypto/tls and crypto/x509",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: handshakes,
		Match:    func(r *Report) bool { return handshake(r.Message) == refused },
	},
	{
		Name: "wrong-set-up", Class: Request, Local: true,
		Source: "grpc-go clientconn.go (service config), internal/transport/http2_client.go (CallAuthority)",
		Codes:  []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{
			"error parsing service config:", "illegal service config type:",
			"credentials type ", "failed to validate authority ",
		},
	},
	{
		Name: "refused-stream", Class: Network, Local: true, Unsent: true,
		Source:   "RFC 9113 section 8.7: the server did not process the request",
		Prefixes: []string{rstStream + "REFUSED_STREAM"},
	},
	{
		Name: "connection-draining", Class: Network, Local: true, Unsent: true,
		Source:   "grpc-go internal/transport/transport.go errStreamDrain, statusGoAway: GOAWAY below the stream's id",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{"the connection is draining", "the stream is rejected because server is draining the connection"},
	},
	{
		Name: "http2-required", Class: Request, Local: true,
		Source:   "RFC 9113 section 7: INADEQUATE_SECURITY, HTTP_1_1_REQUIRED",
		Prefixes: []string{rstStream + "INADEQUATE_SECURITY", rstStream + "HTTP_1_1_REQUIRED"},
	},
	{ // DEADLINE_EXCEEDED is left out: that is a server that resets the stream because the attempt's time is up.
		Name: "stream-reset", Class: Network, Local: true,
		Source:   "grpc-go internal/transport/http2_client.go handleRSTStream, ENHANCE_YOUR_CALM included",
		Codes:    []grpccodes.Code{grpccodes.Internal, grpccodes.Unknown, grpccodes.Canceled, grpccodes.ResourceExhausted},
		Prefixes: []string{rstStream},
	},
	{
		Name: "stream-cut", Class: Network, Local: true,
		Source: "grpc-go http2_client.go (END_STREAM without trailers), rpc_util.go (io.ErrUnexpectedEOF); gRPC core's \"Stream removed\"",
		Codes:  []grpccodes.Code{grpccodes.Internal, grpccodes.Unknown, grpccodes.Canceled, grpccodes.Unavailable},
		Prefixes: []string{
			"server closed the stream without sending trailers", "unexpected EOF", "Stream removed",
		},
	},
	{
		Name: "http-refused", Class: Request, Local: true,
		Source:   "grpc-go internal/transport/http_util.go HTTPStatusConvTab: a proxy's answer that repeating does not change",
		Codes:    []grpccodes.Code{grpccodes.Internal, grpccodes.Unknown},
		Prefixes: []string{httpStatusText},
		Match: func(r *Report) bool {
			status := httpStatus(r.Message)
			return status >= 300 && status < 500 && status != 408 && status != 425 && status != 429
		},
	},
	{
		Name: "http-unavailable", Class: Network, Local: true,
		Source:   "grpc-go internal/transport/http_util.go HTTPStatusConvTab: a proxy between us and the server",
		Codes:    []grpccodes.Code{grpccodes.Unavailable, grpccodes.Internal, grpccodes.Unknown},
		Prefixes: []string{httpStatusText},
		Match: func(r *Report) bool {
			status := httpStatus(r.Message)
			return status >= 500 || status == 408 || status == 425 || status == 429
		},
	},
	{
		Name: "connection-failed", Class: Network, Local: true, Unsent: true,
		Source:   "grpc-go picker_wrapper.go, balancer/base, balancer/pickfirst: what a picker says before there is a stream",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{connectionError, lastConnectionError, "name resolver error: ", "last resolver error: "},
		Match:    func(r *Report) bool { return r.Evidence.Watched && !r.Evidence.Stream },
	},
	{
		Name: "connection-failed", Class: Network, Local: true,
		Source: "grpc-go http2_client.go NewHTTP2Client, Close, reader, keepalive; picker_wrapper.go; balancer/base; balancer/pickfirst",
		Codes:  []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{
			connectionError, lastConnectionError, "name resolver error: ", "last resolver error: ",
			"error reading from server: ", "closing transport due to: ", "transport is closing", "transport: ",
			"closing connection since the server is not reading", "keepalive ping failed to receive ACK within timeout",
			"no active streams left to process while draining", "received goaway ", "error reading server preface: ",
			"no children to pick from", "all SubConns are in TransientFailure", "SubConn state is not Ready",
			"pickfirst: health check failure: ", "write tcp ", "write unix ",
		},
	},
	{
		Name: "codec", Class: Request,
		Source: "grpc-go rpc_util.go, stream.go, server.go, internal/metadata: what was sent or received cannot be encoded or decoded",
		Codes:  []grpccodes.Code{grpccodes.Internal},
		Prefixes: []string{
			"grpc: error while marshaling", "grpc: failed to unmarshal the received message", "grpc: error unmarshalling request",
			"grpc: error while compressing", "grpc: failed to decompress", "grpc: failed to read decompressed data",
			"grpc: Compressor is not installed", "grpc: Decompressor is not installed", "grpc: compressed flag set with identity",
			"grpc: peer compressed the response with", "grpc: no decompressor available", "grpc: received unexpected payload format",
			"no codec registered for content-subtype", "header list size to send violates the maximum size",
			"header key ", "there is an empty key in the header", "SendMsg called after CloseSend",
			"peer header list size exceeded limit", "cardinality violation: ",
			"config selector returned illegal status: ", "received picker error with illegal status: ", "invalid client interceptor type ",
		},
	},
}

// The beginnings of texts that more than one rule looks behind.
const (
	closedByCaller      = "grpc: the client connection is closing"
	perRPCFailed        = "transport: per-RPC creds failed due to error: "
	rstStream           = "stream terminated by RST_STREAM with error code: "
	lastConnectionError = "last connection error: "
	connectionError     = "connection error: desc = \""
	handshakeFailed     = "transport: authentication handshake failed: "
	insecureConnection  = "transport: cannot send secure credentials on an insecure connection"
	httpStatusText      = "unexpected HTTP status code received from server: "
)

// perRPCCodes are the codes of a source of credentials that failed with an
// error of its own: that of the connection, and that of the call.
var perRPCCodes = []grpccodes.Code{grpccodes.Unauthenticated, grpccodes.Internal}

// handshakes are the beginnings of texts that may tell of a TLS handshake.
var handshakes = []string{connectionError, lastConnectionError, "error reading from server: ", "error reading server preface: "}

// retriesExhausted begins the text of a failure that grpc-go's own retries gave
// up on (stream.go shouldRetry).
const retriesExhausted = "max retries exhausted: failed after "

// RetriedByGRPC reports whether err says that grpc-go's own retries, those of a
// service config, have tried before they gave up. They write it around the
// status, not into it.
func RetriedByGRPC(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), retriesExhausted)
}

// unwrapRetries removes the words that grpc-go's own retries put before the
// last status when they give up (stream.go shouldRetry).
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

// ending is how a TLS handshake failed.
type ending uint8

const (
	noHandshake ending = iota
	cut                // the connection went away
	refused            // one side would not
)

// handshake tells whether the message is of a failed TLS handshake, and how
// it failed. An alert of the peer may also arrive as the first thing that is
// read after the handshake.
func handshake(message string) ending {
	message = strings.TrimPrefix(message, lastConnectionError)
	desc := strings.TrimPrefix(message, connectionError)
	cause, ok := strings.CutPrefix(desc, handshakeFailed)
	if !ok {
		for _, reading := range [...]string{"error reading server preface: ", "error reading from server: "} {
			if read, ok := strings.CutPrefix(desc, reading); ok && strings.HasPrefix(read, "remote error: tls: ") {
				return refused
			}
		}
		return noHandshake
	}
	cause = strings.TrimSuffix(cause, `"`)
	for _, lost := range [...]string{
		"EOF", "connection reset by peer", "broken pipe", "i/o timeout", "context deadline exceeded", "use of closed network connection",
	} {
		if strings.HasSuffix(cause, lost) {
			return cut
		}
	}
	return refused
}

// oauthRefusal tells whether a token endpoint refused the grant for good:
// per-RPC credentials failed with one of the error codes of RFC 6749 5.2,
// quoted, or in the JSON of the response where the library leaves it unread (as
// those for service accounts do).
func oauthRefusal(message string) bool {
	cause, ok := strings.CutPrefix(message, perRPCFailed)
	if !ok {
		return false
	}
	for _, library := range [...]string{"credentials: cannot fetch token: ", "oauth2: ", "auth: "} {
		cause = strings.TrimPrefix(cause, library)
	}
	if _, body, ok := strings.Cut(cause, "\nResponse: "); ok && strings.HasPrefix(cause, "cannot fetch token: ") {
		var response struct {
			Error string `json:"error"`
		}
		if json.Unmarshal([]byte(body), &response) != nil {
			return false
		}
		cause = strconv.Quote(response.Error)
	}
	if strings.HasPrefix(cause, "token expired and refresh token is not set") {
		return true
	}
	for _, code := range [...]string{
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
	} {
		if strings.HasPrefix(cause, `"`+code+`"`) {
			return true
		}
	}
	return false
}

// httpStatus returns the HTTP status that a peer which is no gRPC server
// answered with, or 0.
func httpStatus(message string) int {
	rest, ok := strings.CutPrefix(message, httpStatusText)
	if !ok || len(rest) < 3 || (len(rest) > 3 && rest[3] >= '0' && rest[3] <= '9') {
		return 0
	}
	n := 0
	for _, digit := range []byte(rest[:3]) {
		if digit < '0' || digit > '9' {
			return 0
		}
		n = n*10 + int(digit-'0')
	}
	return n
}
