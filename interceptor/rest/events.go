package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/reinvoke/reinvoke/codes"
)

// asksForEvents reports whether a request asks for server-sent events.
func asksForEvents(req *http.Request) bool { return req.URL.Query().Get("alt") == "sse" }

// isEvents reports whether a response is a stream of server-sent events, as the answer to the
// request. A GET subscribes to events, and may stay silent for long; a coded stream cannot
// be read here.
func isEvents(req *http.Request, resp *http.Response) bool {
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "" {
		return false
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return asksForEvents(req) || media == "text/event-stream" && methodOf(req) != http.MethodGet
}

// firstEvent reads a stream up to the end of its first event, for the commitment of the call, and
// puts all back. The failure is an event with an error, or a stream cut before.
func firstEvent(ctx context.Context, resp *http.Response) error {
	var found []byte
	seen := peek(resp, func(seen []byte) bool {
		found = eventIn(seen)
		return found != nil
	})
	if found == nil {
		if err := brokenBy(resp); err != nil {
			return lostBy(ctx, err, true)
		}
		if found = eventIn(append(bytes.Clone(seen), "\n\n"...)); found == nil { // the end, without a blank line
			found = seen // an error may come without the form of an event
		}
	}
	var event struct {
		Error json.RawMessage `json:"error"`
	}
	isError := json.Unmarshal(found, &event) == nil && len(event.Error) > 0
	if !isError {
		return nil
	}
	if st, err := codes.FromJSON(event.Error); err == nil {
		return &answer{http: resp.StatusCode, api: true, status: st}
	}
	return nil // a field called error, and no error
}

// brokenBy returns the error of a cut body, or nil.
func brokenBy(resp *http.Response) error {
	if cut, ok := resp.Body.(*wholeBody); ok && !errors.Is(cut.end, io.EOF) {
		return cut.end
	}
	return nil
}

// eventIn returns the data of the first whole event, or nil. A block of comments alone is
// no event.
func eventIn(stream []byte) []byte {
	stream = bytes.TrimPrefix(stream, []byte("\ufeff"))
	for {
		block, rest, ok := cutBlock(stream)
		if !ok {
			return nil
		}
		if data := dataOf(block); data != nil {
			return data
		}
		stream = rest
	}
}

// cutBlock cuts a stream after the first blank line.
func cutBlock(stream []byte) (block, rest []byte, ok bool) {
	at, length := -1, 0
	for _, blank := range []string{"\n\n", "\n\r\n", "\r\r"} { // "\n\r\n" is in "\r\n\r\n" too
		if i := bytes.Index(stream, []byte(blank)); i >= 0 && (at < 0 || i < at) {
			at, length = i, len(blank)
		}
	}
	if at < 0 {
		return nil, nil, false
	}
	return stream[:at], stream[at+length:], true
}

// dataOf returns the data lines of an event, joined, or nil for none.
func dataOf(block []byte) []byte {
	var data []byte
	for line := range bytes.FieldsFuncSeq(block, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if text, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(append(data, bytes.TrimPrefix(text, []byte(" "))...), '\n')
		}
	}
	return data
}
