package rest

import (
	"net/http"
	"strings"
)

// repeatable reports whether a request may run twice, by its verb (RFC 9110 section 9.2.2)
// or by a key for the server to recognise the second. A method restored from a version
// of a data set starts an operation, despite being a GET.
func repeatable(req *http.Request) bool {
	for _, key := range []string{"Idempotency-Key", "X-Idempotency-Key"} { // as in net/http
		if len(req.Header.Values(key)) > 0 {
			return true
		}
	}
	switch methodOf(req) {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace:
		return !strings.HasSuffix(req.URL.Path, ":restore")
	}
	return false
}

// untouched reports whether a request is left to base: a resumable upload, repeated by
// the client, a connection changing the protocol, and other protocols than HTTP.
func untouched(req *http.Request) bool {
	switch {
	case req.URL == nil, req.URL.Scheme != "http" && req.URL.Scheme != "https", req.Method == http.MethodConnect:
		return true
	case req.Header.Get("X-Goog-Upload-Command") != "", req.Header.Get("X-Goog-Upload-Protocol") != "":
		return true
	}
	return req.Header.Get("Upgrade") != ""
}
