package rest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// rules returns the rules for the errors of net/http, unknown to package codes.
func rules() []codes.Rule {
	unavailable := []grpccodes.Code{grpccodes.Unavailable}
	return []codes.Rule{
		{
			Name: "rest-tls", Class: codes.Request, Codes: unavailable,
			Source: "crypto/tls, crypto/x509: a certificate that is refused stays refused",
			Match:  func(r *codes.Report) bool { return refusedCertificate(r.Err) },
		},
		{
			Name: "rest-refused-stream", Class: codes.Network, Unsent: true, Codes: unavailable,
			Source: "RFC 9113 section 8.7: the server did not process the request",
			Match:  func(r *codes.Report) bool { return refusedStream(r.Err) },
		},
		{
			Name: "rest-transport", Class: codes.Network, Codes: unavailable,
			Source: "net/http: no answer",
			Match:  isLost,
		},
		{
			Name: "rest-proxy", Class: codes.Server, MayHaveRun: true, Codes: unavailable,
			Source: "RFC 9110 sections 15.6.3, 15.6.4: without an error of the API a 502 or 503 may be a proxy's, and AIP-194 does not hold",
			Match: func(r *codes.Report) bool {
				a, ok := errors.AsType[*answer](r.Err)
				return ok && !a.api
			},
		},
	}
}

// isLost reports whether an attempt got no answer.
func isLost(r *codes.Report) bool {
	_, ok := errors.AsType[*lost](r.Err)
	return ok
}

// refusedCertificate reports whether a handshake failed for good.
func refusedCertificate(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.RecordHeaderError](err) // the port speaks no TLS
	return ok
}

// streamError has the fields of net/http's error for a reset stream, which converts itself
// to such a type.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

// Error implements error.
func (streamError) Error() string { return "rest: the stream was reset" }

// refusedStream reports whether the server refused a stream unprocessed.
func refusedStream(err error) bool {
	const refused = 0x7 // REFUSED_STREAM, RFC 9113 section 7
	reset, ok := errors.AsType[streamError](err)
	return ok && reset.Code == refused
}
