package codes

import grpccodes "google.golang.org/grpc/codes"

// Only the files rules_grpc*.go match the texts of gRPC's own libraries and of the
// libraries that fetch gRPC credentials: grpc-go v1.85.0 unless the source says
// otherwise. The list is closed; any other text counts as the server's.

// limitRules are limits on the size of a message. RESOURCE_EXHAUSTED has nothing to
// do with quota here: the same message stays too large. Servers send the same texts,
// so that the rules hold for every Reach.
var limitRules = []Rule{{
	Name: "message-too-large", Class: Request,
	Source: "grpc-go stream.go, rpc_util.go, server.go up to v1.83; gRPC core message_size_filter.cc; grpc-java MessageDeframer",
	Codes:  []grpccodes.Code{grpccodes.ResourceExhausted},
	Prefixes: []string{
		"trying to send message larger than max", "grpc: trying to send message larger than max",
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

// localRules are the failures reported by grpc-go itself. No rule in this list holds
// for a status sent by the peer: the peer then relays the failure of another client.
var localRules = []Rule{
	{
		Name: "connection-closed-by-caller", Class: Ended, Local: true,
		Source:   "grpc-go clientconn.go ErrClientConnClosing: no later attempt on this connection can succeed",
		Codes:    []grpccodes.Code{grpccodes.Canceled, grpccodes.Unavailable}, // UNAVAILABLE after the server's GOAWAY
		Prefixes: []string{closedByCaller, "closing transport due to: rpc error: code = Canceled desc = " + closedByCaller},
	},
	{
		Name: "metadata-server-starting", Class: Network, Local: true, early: true,
		Source:   "GKE, Workload Identity Federation: the metadata server may not know a new pod for some seconds",
		Codes:    perRPCCodes,
		Prefixes: []string{perRPCFailed},
		Match: func(r *Report) bool {
			status, metadata := tokenAnswer(r.Message)
			return r.Evidence.Starting && metadata && (status == 403 || status == 404)
		},
	},
	{
		Name: "credentials-refused", Class: Auth, Local: true, early: true,
		Source:   "RFC 6749 section 5.2, gRFC A83, Temporary of golang.org/x/oauth2/google and cloud.google.com/go/auth: a 4xx of the token endpoint is its refusal",
		Codes:    perRPCCodes,
		Prefixes: []string{perRPCFailed},
		text: func(message string) bool {
			status, _ := tokenAnswer(message)
			return status >= 400 && status < 500 && status != 408 && status != 429
		},
	},
	{
		Name: "credentials-refused", Class: Auth, Local: true, early: true,
		Source:   "gRFC A54: the source of the token failed with a code that no fault of the network has, such as NOT_FOUND",
		Codes:    []grpccodes.Code{grpccodes.Internal},
		Prefixes: []string{"transport: received per-RPC creds error with illegal status: "},
	},
	{
		Name: "token-fetch-failed", Class: Network, Local: true, early: true,
		Source:   "grpc-go internal/transport/http2_client.go getTrAuthData, getCallAuthData",
		Codes:    perRPCCodes,
		Prefixes: []string{perRPCFailed},
	},
	{
		Name: "token-fetch-failed", Class: Network, Local: true, early: true,
		Source:   "gRFC A83, A97; grpc-go credentials/google, credentials/jwt: a status of their own, so that calls are retried until there is a token",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{"credentials: failed to fetch ID token: ", "credentials: fetched token is expired"},
	},
	{
		Name: "token-fetch-failed", Class: Network, Local: true, early: true,
		Source:   "gRFC A97; grpc-go credentials/jwt/file_reader.go errTokenFileAccess, which stands behind the error of the file",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		suffixes: []string{": token file access error"},
	},
	{
		Name: "insecure-connection", Class: Request, Local: true, early: true,
		Source:   "grpc-go internal/transport/http2_client.go",
		Prefixes: connecting(insecureConnection),
	},
	{
		Name: "handshake-cut", Class: Network, Local: true, early: true,
		Source:   "grpc-go internal/transport/http2_client.go; the handshake ended with the connection, not with a refusal (a server that restarts, a load balancer without backends)",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: connecting(handshakeFailed),
		text:     handshakeCut,
	},
	{
		Name: "tls-handshake", Class: Request, Local: true, early: true,
		Source:   "grpc-go internal/transport/http2_client.go; crypto/tls and crypto/x509",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: append(connecting(handshakeFailed, noPreface+alert), "error reading from server: "+alert),
	},
	{
		Name: "no-http2", Class: Request, Local: true, early: true,
		Source:   "grpc-go#6826: what answers in place of the preface is HTTP/1.1, or TLS: another port, or another scheme",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: connecting(noPreface+"http2: frame too large", noPreface+"http2: failed reading the frame payload: http2: frame too large"),
	},
	{
		Name: "proxy-refused", Class: Auth, Local: true, early: true,
		Source:   "grpc-go internal/transport/proxy.go; RFC 9110 sections 15.5.2, 15.5.4, 15.5.8: a forward proxy wants credentials, or will not",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: proxyAnswers,
		text: func(message string) bool {
			status := proxyStatus(message)
			return status == 401 || status == 403 || status == 407
		},
	},
	{
		Name: "proxy-no-connect", Class: Request, Local: true, early: true,
		Source:   "grpc-go internal/transport/proxy.go: a forward proxy that does not know CONNECT, or not to there",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: proxyAnswers,
		text:     func(message string) bool { return httpRefusal(proxyStatus(message)) },
	},
	{
		Name: "wrong-address", Class: Request, Local: true, early: true,
		Source:   "grpc-go#3422; net.AddrError, net.ParseError and net.DNSError of package net: an address that is none stays so",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: dialing("dial tcp: address ", "dial tcp: lookup tcp/", "dial tcp: missing address"),
		text:     wrongAddress,
	},
	{
		Name: "wrong-target", Class: Request, Local: true, early: true,
		Source: "grpc-go internal/resolver: dns, delegatingresolver, unix, passthrough: what the resolver of the scheme rejects when it is built",
		Codes:  []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{
			"invalid target address ", "dns resolver: missing address", "dns resolver: missing port after port-separator colon",
			"delegating_resolver: invalid target address ", "delegating_resolver: failed to determine proxy URL for target ",
			"delegating_resolver: unable to build the resolver for target ",
			"invalid (non-empty) authority: ", "passthrough: received empty target in Build()",
		},
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
	{ // DEADLINE_EXCEEDED is not listed: with that code the server resets the stream because the attempt's time is up.
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
		Source:   "grpc-go internal/transport/http_util.go HTTPStatusConvTab: an answer that repeating does not change, success among them, which no gRPC server gives so",
		Codes:    []grpccodes.Code{grpccodes.Internal, grpccodes.Unknown},
		Prefixes: []string{httpStatusText},
		text:     func(message string) bool { return httpRefusal(httpStatus(message)) },
	},
	{
		Name: "http-unavailable", Class: Network, Local: true,
		Source:   "grpc-go internal/transport/http_util.go HTTPStatusConvTab: a proxy between us and the server",
		Codes:    []grpccodes.Code{grpccodes.Unavailable, grpccodes.Internal, grpccodes.Unknown},
		Prefixes: []string{httpStatusText},
		text: func(message string) bool {
			status := httpStatus(message)
			return status >= 500 || status == 408 || status == 425 || status == 429
		},
	},
	{
		Name: "connection-failed", Class: Network, Local: true, early: true,
		Source:   "grpc-go picker_wrapper.go, balancer/base, balancer/pickfirst: what a picker says before there is a stream",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{connectionError, lastConnectionError, "name resolver error: ", "last resolver error: "},
	},
	{
		Name: "connection-failed", Class: Network, Local: true,
		Source: "grpc-go http2_client.go NewHTTP2Client, Close, reader, keepalive; picker_wrapper.go; balancer/base; balancer/pickfirst",
		Codes:  []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{
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
