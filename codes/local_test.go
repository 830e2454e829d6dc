package codes_test

import (
	"context"
	"errors"
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

const refusedHere = `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`

func TestIsLocal_textsOfTheNetwork(t *testing.T) {
	const dialing = `connection error: desc = "transport: Error while dialing: `
	for message, want := range map[string]bool{
		refusedHere:                             true,
		"last connection error: " + refusedHere: true,
		dialing + `dial tcp [::1]:443: connect: connection refused"`:                                          true,
		dialing + `dial tcp: lookup a.example on 10.0.0.1:53: no such host"`:                                  true,
		dialing + `dial tcp: lookup a.example: i/o timeout"`:                                                  true,
		dialing + `dial tcp: lookup a.example on 10.0.0.1:53: read udp 10.0.0.2:9->10.0.0.1:53: i/o timeout"`: true,
		dialing + `dial unix /run/a.sock: connect: no such file or directory"`:                                true,
		handshake + `EOF"`: true,
		handshake + `read tcp 10.0.0.1:1->10.0.0.2:2: read: connection reset by peer"`:                         true,
		handshake + `tls: failed to verify certificate: x509: certificate signed by unknown authority"`:        true,
		`connection error: desc = "error reading server preface: EOF"`:                                         true,
		"name resolver error: produced zero addresses":                                                         true,
		"name resolver error: dns: A record lookup error: lookup a.example on 10.0.0.1:53: server misbehaving": true,
		"last connection error: " + refusedHere + "; last resolver error: produced zero addresses":             true,

		"":                               false,
		"connection refused":             false,
		refusedHere + ", key=s3cr3t":     false,
		"say " + refusedHere:             false,
		refusedHere + "\n":               false,
		"error reading from server: EOF": false,
		dialing + `failed to do connect handshake, response: \"HTTP/1.1 403 Forbidden\\r\\n\\r\\nconnection refused"`:                                               false,
		dialing + `the proxy says: connection refused"`:                                                                                                             false,
		dialing + `dial tcp: lookup the key s3cr3t: no such host"`:                                                                                                  false,
		handshake + `tls: failed to verify certificate: x509: certificate is valid for s3cr3t.example, not a.example"`:                                              false,
		"name resolver error: xds: the management server says s3cr3t":                                                                                               false,
		`closing transport due to: connection error: desc = "error reading from server: EOF", received prior goaway: code: ENHANCE_YOUR_CALM, debug data: "s3cr3t"`: false,
		perRPC + "auth: cannot fetch token: 400\nResponse: s3cr3t":                                                                                                  false,
		httpText + `502 (Bad Gateway); transport: received unexpected content-type "s3cr3t"`:                                                                        false,
	} {
		t.Run(message, func(t *testing.T) {
			if got := codes.IsLocal(status.Error(grpccodes.Unavailable, message), evidenceOf(codes.Unsent)); got != want {
				t.Errorf("got %t, want %t", got, want)
			}
		})
	}
}

// TestIsLocal_needsEvidence: a server may have sent the same words.
func TestIsLocal_needsEvidence(t *testing.T) {
	err := status.Error(grpccodes.Unavailable, refusedHere)
	for name, tt := range map[string]struct {
		err  error
		ev   codes.Evidence
		want bool
	}{
		"no stream":            {err, codes.Evidence{Watched: true}, true},
		"not watched":          {err, codes.Evidence{}, false},
		"doubtful":             {err, codes.Evidence{Watched: true, Doubtful: true}, false},
		"a stream":             {err, codes.Evidence{Watched: true, Stream: true}, false},
		"a trailer":            {err, codes.Evidence{Watched: true, Trailer: metadata.Pairs("content-type", "application/grpc")}, false},
		"another code":         {status.Error(grpccodes.Internal, refusedHere), codes.Evidence{Watched: true}, false},
		"no status":            {errors.New(refusedHere), codes.Evidence{Watched: true}, false},
		"an error of contexts": {context.Canceled, codes.Evidence{Watched: true}, false},
		"no error":             {nil, codes.Evidence{Watched: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := codes.IsLocal(tt.err, tt.ev); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}
