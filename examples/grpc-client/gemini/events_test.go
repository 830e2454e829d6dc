package gemini

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// roundTripper is a function as an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// through returns the body of an answer after asEvents, and what was asked.
func through(t *testing.T, url, media string, answer io.Reader) (list string, asked *http.Request, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := asEvents{roundTripper(func(out *http.Request) (*http.Response, error) {
		asked = out
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(answer)}, nil
	})}.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if req.URL.String() != url {
		t.Errorf("the caller's request has become one for %s", req.URL)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return string(body), asked, err
}

const streamURL = "http://gemini.test/v1beta/models/m:streamGenerateContent?%24alt=json"

// TestAsEvents_list: the events of a stream become the elements of a list, and an error or
// a cut among them does not pass for the end.
func TestAsEvents_list(t *testing.T) {
	const fault = `{"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}`
	cut := errors.New("cut")
	for name, tt := range map[string]struct {
		events, want string
		breaks       error
		code         grpccodes.Code
	}{
		"whole":                    {"data: {\"a\":1}\r\n\r\ndata: {\"a\":2}\r\n\r\n", `[ {"a":1}, {"a":2}]`, nil, grpccodes.OK},
		"no event":                 {"", `[]`, nil, grpccodes.OK},
		"no blank line at the end": {"data: {\"a\":1}", `[ {"a":1}]`, nil, grpccodes.OK},
		"comments and lines":       {": hello\n\nid: 7\ndata: {\"a\":\ndata: 1}\n\n", `[ {"a": 1}]`, nil, grpccodes.OK},
		"an error":                 {"data: {\"a\":1}\n\ndata: " + fault + "\n\n", `[ {"a":1}`, nil, grpccodes.Unavailable},
		"an error as it is":        {"data: {\"a\":1}\n\n" + strings.ReplaceAll(fault, ", ", ",\n") + "\n", `[ {"a":1}`, nil, grpccodes.Unavailable},
		"a cut":                    {"data: {\"a\":1}\n\ndata: {\"a\"", `[ {"a":1}`, cut, grpccodes.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			var answer io.Reader = strings.NewReader(tt.events)
			if tt.breaks != nil {
				answer = io.MultiReader(answer, iotest.ErrReader(tt.breaks))
			}
			got, _, err := through(t, streamURL, "text/event-stream; charset=utf-8", answer)
			if got != tt.want || status.Code(err) != tt.code || (tt.breaks != nil && !errors.Is(err, tt.breaks)) {
				t.Errorf("got %s, %v, want %s, %v", got, err, tt.want, tt.code)
			}
		})
	}
}

// TestAsEvents_asks: a stream is asked for as events, and nothing else is changed.
func TestAsEvents_asks(t *testing.T) {
	const unary = "http://gemini.test/v1beta/models/m:generateContent?%24alt=json"
	for url, want := range map[string]string{streamURL: "alt=sse", unary: "%24alt=json"} {
		got, asked, err := through(t, url, "application/json", strings.NewReader("[1]"))
		if asked.URL.RawQuery != want || got != "[1]" || err != nil {
			t.Errorf("asked for %s, got %s, %v, want %s and the answer as it is", asked.URL, got, err, want)
		}
	}
}
