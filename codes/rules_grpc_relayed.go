package codes

import (
	"strings"

	grpccodes "google.golang.org/grpc/codes"
)

// Texts that a server relays. A gateway that returns the error of its own client says
// with its own authority what that client's transport has met: the backend may have
// run the request, and the gateway may have done its part of it. They tell nothing of
// the connection to the gateway, so that they do not decide the class.

// relayRules say, where the peer has sent such a text, whether the request ran: the
// first that holds counts, beside the rule that decides the class.
var relayRules = []Rule{
	{
		Name: "proxy-never-sent", Unsent: true,
		Source:   "Envoy router.cc: it had no connection to its upstream, and has tried once",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{upstreamFailed},
		text:     proxyNeverSent,
	},
	{
		Name: "relayed-transport", MayHaveRun: true,
		Source: "relayedTexts: grpc-go's closed list of its local texts; gRPC core, grpc-java and grpc-node; Envoy router.cc; etcd api/v3rpc/rpctypes/error.go",
	},
}

// relayedTexts are the beginnings of what transports say.
var relayedTexts = newPrefixes(localTexts(), proxyTexts, []string{
	// etcd, after the proposal went out: it may be committed.
	"etcdserver: request timed out", "etcdserver: server stopped",
	// gRPC core: Python, C++, Ruby, PHP, C#.
	"failed to connect to all addresses", "Socket closed", "Connection reset by peer", "Broken pipe", "Transport closed", "GOAWAY received",
	"recvmsg:", "sendmsg:", "keepalive watchdog timeout", "ping timeout", "Received RST_STREAM with error code ", "Received http2 header with status: ",
	// grpc-java.
	"io exception", "Network closed for unknown reason", "Connection closed after GOAWAY", "Connection closed while performing ", "HTTP status code ",
	"RST_STREAM closed stream. HTTP/2 error code: ", "Keepalive failed. ", "End of stream or IOException", "Unable to resolve host ",
	// grpc-node.
	"No connection established", "Connection dropped", "Received RST_STREAM with code ", "Name resolution failed for target ",
})

// proxyTexts are the beginnings of what Envoy says of its upstream.
var proxyTexts = []string{
	upstreamFailed, "upstream request timeout", "upstream max stream duration reached", "stream timeout",
}

// upstreamFailed begins what Envoy says of a request that it could not bring to an end.
const upstreamFailed = "upstream connect error or disconnect/reset before headers"

// localTexts returns the beginnings of the texts of localRules.
func localTexts() []string {
	var all []string
	for i := range localRules {
		all = append(all, localRules[i].Prefixes...)
	}
	return all
}

// proxyNeverSent reports whether Envoy says that it did not send the request, and never
// tried to before: it got no connection to its upstream, or was refused unprocessed.
func proxyNeverSent(message string) bool {
	reason, ok := strings.CutPrefix(message, upstreamFailed+". reset reason: ")
	return ok && hasPrefix(reason, []string{
		"connection failure", "local connection failure", "remote connection failure", "connection timeout", "overflow", "remote refused stream reset",
	})
}

// relayed reports whether the message is a text of a transport, by itself or where it
// quotes another status: grpc-go prints one so where it is an error.
func relayed(message string) bool {
	for {
		if relayedTexts.has(message) {
			return true
		}
		var ok bool
		if _, message, ok = strings.Cut(message, "rpc error: code = "); !ok {
			return false
		}
		if _, message, ok = strings.Cut(message, " desc = "); !ok {
			return false
		}
	}
}
