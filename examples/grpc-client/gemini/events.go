package gemini

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/reinvoke/reinvoke/codes"
)

// asEvents asks for streams as server-sent events, and gives the official client the list
// that the client would have asked for. In a list, the client takes an error after the
// first element for a response without text, and a broken answer for a whole one.
type asEvents struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a asEvents) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(req.URL.Path, ":streamGenerateContent") {
		return a.base.RoundTrip(req)
	}
	out := req.Clone(req.Context())
	query := out.URL.Query()
	query.Del("$alt")
	query.Set("alt", "sse")
	out.URL.RawQuery = query.Encode()
	resp, err := a.base.RoundTrip(out)
	if err != nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media == "text/event-stream" {
		resp.Body, resp.ContentLength = &list{events: bufio.NewReader(resp.Body), Closer: resp.Body}, -1
	}
	return resp, nil
}

// list is a stream of events in the form of a JSON list. An error among the events, and
// whatever breaks the stream, is the error of Read.
type list struct {
	io.Closer
	events *bufio.Reader
	begun  bool
	ready  []byte
	end    error
}

// Read implements io.Reader.
func (l *list) Read(p []byte) (int, error) {
	for len(l.ready) == 0 {
		if l.end != nil {
			return 0, l.end
		}
		l.next()
	}
	n := copy(p, l.ready)
	l.ready = l.ready[n:]
	return n, nil
}

// next makes the next element ready, or the end.
func (l *list) next() {
	data, err := l.event()
	if err != nil && !errors.Is(err, io.EOF) {
		l.end = err
		return
	}
	if len(data) > 0 {
		if st, notError := codes.FromJSON(data); notError == nil {
			l.end = st.Err()
			return
		}
		l.ready = append(l.separator(), data...)
	}
	if err != nil {
		if !l.begun {
			l.ready = l.separator()
		}
		l.ready, l.end = append(l.ready, ']'), io.EOF
	}
}

// separator returns what stands before an element.
func (l *list) separator() []byte {
	if l.begun {
		return []byte{','}
	}
	l.begun = true
	return []byte{'['}
}

// event reads up to a blank line or the end, and returns the data of the event. An error
// may come without the form of an event.
func (l *list) event() ([]byte, error) {
	var data, bare []byte
	for {
		line, err := l.events.ReadBytes('\n')
		line = bytes.TrimRight(line, "\r\n")
		if field, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(data, field...)
		} else if len(bare) > 0 || bytes.HasPrefix(line, []byte("{")) {
			bare = append(bare, line...)
		}
		if err != nil || len(line) == 0 {
			if len(data) == 0 {
				data = bare
			}
			return data, err
		}
	}
}
