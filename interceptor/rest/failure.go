package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"unicode/utf8"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// mostRead is how many bytes of an error's body, and of a stream before its first event,
// are read to learn the cause. Judgement: Google's errors have some kilobytes.
const mostRead = 64 << 10

// mostQuoted is how much of a body other than Google's JSON becomes the message of a
// status. Judgement: the beginning of a proxy's text names the trouble.
const mostQuoted = 512

// answer is a failure answered by a server.
type answer struct {
	http   int
	api    bool // the body is an error of a Google API
	status *status.Status
}

// Error implements error.
func (a *answer) Error() string {
	return fmt.Sprintf("rest: HTTP %d: %s", a.http, a.status.Message())
}

// GRPCStatus returns the status of the same failure over gRPC.
func (a *answer) GRPCStatus() *status.Status { return a.status }

// refusal returns the failure behind a response of HTTP status 400 or more. The body of the
// response is unread afterwards.
func refusal(resp *http.Response) error {
	body := decoded(resp, peek(resp, nil))
	code := codes.HTTPCode(resp.StatusCode)
	if st, err := codes.FromJSON(body); err == nil {
		if api := namesStatus(body); api || st.Code() == code {
			return &answer{http: resp.StatusCode, api: api, status: st}
		}
	}
	return &answer{http: resp.StatusCode, status: status.New(code, quoted(body))}
}

// namesStatus reports whether an error has the name of its status, as all of Google's
// APIs have. A bare number may be a code of the server's own.
func namesStatus(body []byte) bool {
	type named struct {
		Error struct {
			Status grpccodes.Code `json:"status"` // by name
		} `json:"error"`
	}
	var list []named
	if json.Unmarshal(body, &list) != nil { // streams have a list
		list = make([]named, 1)
		if json.Unmarshal(body, &list[0]) != nil {
			return false
		}
	}
	return len(list) > 0 && list[0].Error.Status != grpccodes.OK
}

// decoded returns the plain form of a body requested by the caller in gzip, where
// net/http leaves the decoding to the caller.
func decoded(resp *http.Response, body []byte) []byte {
	if resp.Header.Get("Content-Encoding") != "gzip" {
		return body
	}
	unzip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return body
	}
	plain, _ := io.ReadAll(io.LimitReader(unzip, mostRead)) // a part is enough
	return plain
}

// quoted returns the beginning of a body as text.
func quoted(body []byte) string {
	text := string(body[:min(len(body), mostQuoted)])
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "")
	}
	return text
}

// peek reads the body of a response until enough reports true, up to mostRead bytes, and
// puts the bytes back. A nil enough is never true.
func peek(resp *http.Response, enough func([]byte) bool) []byte {
	var seen []byte
	for len(seen) < mostRead {
		seen = grown(seen)
		n, err := resp.Body.Read(seen[len(seen):min(cap(seen), mostRead)])
		seen = seen[:len(seen)+n]
		if err != nil { // all was read
			_ = resp.Body.Close()
			resp.Body = &wholeBody{read: bytes.NewReader(seen), end: err}
			return seen
		}
		if enough != nil && enough(seen) {
			break
		}
	}
	resp.Body = putBack{io.MultiReader(bytes.NewReader(seen), resp.Body), resp.Body}
	return seen
}

// grown returns b with room for more.
func grown(b []byte) []byte {
	if len(b) < cap(b) {
		return b
	}
	return append(make([]byte, 0, max(2*cap(b), 2<<10)), b...)
}

// putBack is a body with a part read and put back.
type putBack struct {
	io.Reader
	io.Closer
}

// wholeBody is a body read to the end: io.EOF, or the error of a cut.
type wholeBody struct {
	read *bytes.Reader
	end  error
}

// Read implements io.Reader.
func (w *wholeBody) Read(p []byte) (int, error) {
	if w.read.Len() == 0 {
		return 0, w.end
	}
	return w.read.Read(p)
}

// Close implements io.Closer.
func (*wholeBody) Close() error { return nil }

// lost is the failure of an attempt without an answer.
type lost struct {
	error
	status *status.Status
}

// GRPCStatus returns the status of the same failure over gRPC.
func (l *lost) GRPCStatus() *status.Status { return l.status }

// Unwrap returns the error of the transport.
func (l *lost) Unwrap() error { return l.error }

// lostBy returns the failure behind an error of the transport. ctx is the context of the attempt;
// written says that the request was written, and so that a timeout is one of waiting for
// the answer.
func lostBy(ctx context.Context, err error, written bool) *lost {
	var creds *authError
	var timeout net.Error
	code, text := grpccodes.Unavailable, err.Error()
	switch {
	case errors.As(err, &creds):
		code, text = grpccodes.Unauthenticated, credentialsFailed+creds.Error()
	case ctx.Err() != nil: // err may be the cause alone
		code = grpccodes.Canceled
	case written && errors.As(err, &timeout) && timeout.Timeout():
		code = grpccodes.DeadlineExceeded
	}
	return &lost{err, status.New(code, text)}
}

// unsendable is the failure of a request without a second body.
func unsendable(err error) *lost {
	return &lost{fmt.Errorf("rest: body: %w", err), status.New(grpccodes.InvalidArgument, "the body cannot be had again")}
}
