package codes

import (
	"strings"

	grpccodes "google.golang.org/grpc/codes"
)

// Texts relayed by a server. A gateway may return the error of its own client as its
// own status. The text then describes the gateway's connection to its backend: the
// backend may have run the request, and the gateway may have done its own part. The
// text says nothing of our connection to the gateway and does not decide the class.

// relayRules decide whether the request behind a relayed text ran. The first matching
// rule counts, beside the rule for the class.
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

// relayedTexts are the beginnings of transport texts.
var relayedTexts = newPrefixes(localTexts(), proxyTexts, []string{
	// etcd, after sending the proposal: the proposal may be committed.
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

// proxyTexts are the beginnings of Envoy's texts about its upstream.
var proxyTexts = []string{
	upstreamFailed, "upstream request timeout", "upstream max stream duration reached", "stream timeout",
}

// upstreamFailed begins Envoy's text about a request that Envoy could not complete.
const upstreamFailed = "upstream connect error or disconnect/reset before headers"

// localTexts returns the prefixes of localRules.
func localTexts() []string {
	var all []string
	for i := range localRules {
		all = append(all, localRules[i].Prefixes...)
	}
	return all
}

// proxyNeverSent reports whether Envoy says that the request was never sent, in this
// or an earlier try: the upstream connection failed, or the upstream refused the
// stream unprocessed.
func proxyNeverSent(message string) bool {
	reason, ok := strings.CutPrefix(message, upstreamFailed+". reset reason: ")
	return ok && hasPrefix(reason, []string{
		"connection failure", "local connection failure", "remote connection failure", "connection timeout", "overflow", "remote refused stream reset",
	})
}

// relayed reports whether the message is a transport's text, alone or quoted as
// grpc-go prints a status: "rpc error: code = ... desc = ...".
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
