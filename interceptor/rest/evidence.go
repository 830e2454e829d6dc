package rest

import (
	"errors"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
)

// watch notes whether the header of a request was written. The transport may repeat an
// attempt by itself; the notes then are of all its connections. Hooks may run after the
// end of the attempt.
type watch struct{ wrote atomic.Bool }

// hooks returns the hooks for one attempt. A server cannot act on a part of a header, so
// that the end of the header is the moment that counts.
func (w *watch) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{WroteHeaders: func() { w.wrote.Store(true) }}
}

// isTraced reports whether base is known to report writes to package httptrace.
func isTraced(base http.RoundTripper) bool {
	switch base := base.(type) {
	case *http.Transport:
		return true
	case *authorized:
		return isTraced(base.base)
	}
	return false
}

// evidence returns the traces of a failed attempt. Without a proof that base reports what
// it writes, silence proves nothing.
func (x *exchange) evidence(w *watch, err error) codes.Evidence {
	ev := codes.Evidence{Watched: true, Stream: w.wrote.Load()}
	var unproven *authError
	ev.Doubtful = !ev.Stream && !x.t.traced.Load() && !errors.As(err, &unproven)
	if _, ok := err.(*answer); ok { //nolint:errorlint // made in this package and never wrapped
		ev.Stream, ev.Doubtful, ev.Trailer = true, false, trailer(x.resp.Header)
	}
	return ev
}

// trailer returns the headers read by package codes in a trailer. The content-type proves an
// answer of the server.
func trailer(h http.Header) metadata.MD {
	md := metadata.MD{"content-type": {h.Get("Content-Type")}}
	for _, name := range []string{"Retry-After", "Retry-After-Ms", "Date"} {
		if values := h.Values(name); len(values) > 0 {
			md[strings.ToLower(name)] = values
		}
	}
	return md
}
