package rest_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

const stream = "http://gemini.test/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"

// stage is a part of a stream: what is written, and the pause before.
type stage struct {
	after time.Duration
	text  string
	cut   bool // the connection ends
}

// events answers each attempt with its own stages.
func events(attempts ...[]stage) handler {
	return func(w http.ResponseWriter, _ *http.Request, n int) {
		w.Header().Set("Content-Type", "text/event-stream")
		flush := http.NewResponseController(w).Flush
		_ = flush()
		for _, s := range attempts[n-1] {
			time.Sleep(s.after)
			_, _ = io.WriteString(w, s.text)
			_ = flush()
			if s.cut {
				panic(http.ErrAbortHandler)
			}
		}
	}
}

// TestTransport_streams: a stream is retried until its first whole event that is no error,
// and then belongs to the caller.
func TestTransport_streams(t *testing.T) {
	const one, two = "data: {\"candidates\": []}\n\n", "data: {\"candidates\": [{}]}\n\n"
	failed := "data: " + strings.ReplaceAll(overloaded, "\n", "") + "\n\n"
	whole := []stage{{text: one}, {text: two}}
	for name, tt := range map[string]struct {
		attempts [][]stage
		want     string
		cut      bool // the caller sees a cut
	}{
		"at once":                       {[][]stage{whole}, one + two, false},
		"an error as the first event":   {[][]stage{{{text: failed}}, whole}, one + two, false},
		"an error without a blank line": {[][]stage{{{text: strings.TrimSpace(failed)}}, whole}, one + two, false},
		"a bare error":                  {[][]stage{{{text: overloaded}}, whole}, one + two, false},
		"lines that end as in HTTP":     {[][]stage{{{text: strings.ReplaceAll(failed, "\n", "\r\n")}}, whole}, one + two, false},
		"cut after an event in CRLF":    {[][]stage{{{text: "data: {}\r\n\r\n", cut: true}}}, "data: {}\r\n\r\n", true},
		"comments before an error":      {[][]stage{{{text: ": ping\n\n: ping\n\n"}, {text: failed}}, whole}, one + two, false},
		"an error in pieces":            {[][]stage{{{text: failed[:20]}, {after: time.Second, text: failed[20:]}}, whole}, one + two, false},
		"cut before an event":           {[][]stage{{{text: one[:10], cut: true}}, whole}, one + two, false},
		"an error after an event":       {[][]stage{{{text: one}, {after: time.Second, text: failed}}}, one + failed, false},
		"cut after an event":            {[][]stage{{{text: one, cut: true}}}, one, true},
		"empty":                         {[][]stage{{}}, "", false},
		"an error that never ends":      {[][]stage{{{text: failed}}, {{text: failed}}, {{text: failed}}, {{text: failed}}}, failed, false},
		"a large event":                 {[][]stage{{{text: "data: " + strings.Repeat("x", 100<<10)}, {after: time.Second, text: "\n\n"}}}, "data: " + strings.Repeat("x", 100<<10) + "\n\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, events(tt.attempts...), func(w *world) {
				got := w.do(request(w.t, http.MethodPost, stream, "x"))
				if got.status != http.StatusOK || got.body != tt.want || (got.err != nil) != tt.cut {
					t.Errorf("got %d, %d bytes, %v, want %d bytes", got.status, len(got.body), got.err, len(tt.want))
				}
				if w.attempts() != len(tt.attempts) {
					t.Errorf("%d attempts, want %d", w.attempts(), len(tt.attempts))
				}
				if e := w.last(); !e.Stream || !strings.HasSuffix(e.Method, "GenerativeService/StreamGenerateContent") {
					t.Errorf("the event is of %s, a stream: %v", e.Method, e.Stream)
				}
			})
		})
	}
}

// TestTransport_streamsWithoutAnEvent: a stream that is cut again and again before its
// first event ends as a call without an answer.
func TestTransport_streamsWithoutAnEvent(t *testing.T) {
	cut := []stage{{text: "data: {", cut: true}}
	inWorld(t, events(cut, cut, cut, cut, cut, cut), func(w *world) {
		got := w.do(request(w.t, http.MethodPost, stream, "x"))
		if final, ok := errors.AsType[*interceptor.Error](got.err); !ok || len(final.Attempts) != 6 || !errors.Is(got.err, io.ErrUnexpectedEOF) {
			t.Errorf("got %+v, want the error of 6 attempts", got)
		}
	})
}

// TestTransport_streamsAreNotHeld: the first event reaches the caller before the second is
// written, and the context lives until the end.
func TestTransport_streamsAreNotHeld(t *testing.T) {
	const event = "data: {\"candidates\": []}\n\n"
	inWorld(t, events([]stage{{text: event}, {after: time.Minute, text: event}}), func(w *world) {
		began := time.Now()
		resp, err := w.client.Do(request(w.t, http.MethodPost, stream, "x"))
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, len(event))
		if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != event || time.Since(began) > time.Second {
			t.Errorf("%q, %v after %v, want the first event at once", first, err, time.Since(began))
		}
		rest, err := io.ReadAll(resp.Body)
		if err != nil || string(rest) != event {
			t.Errorf("then %q, %v", rest, err)
		}
		_ = resp.Body.Close()
	})
}

// TestTransport_attemptTimeout: an attempt ends in time while the answer has not begun, a
// stream until its first event.
func TestTransport_attemptTimeout(t *testing.T) {
	const event = "data: {\"candidates\": []}\n\n"
	silent := []stage{{text: ": wait\n\n"}, {after: time.Minute}}
	late := []stage{{text: event}, {after: time.Minute, text: event}}
	inWorld(t, events(silent, late), func(w *world) {
		got := w.do(request(w.t, http.MethodPost, stream, "x"))
		if got.err != nil || got.body != event+event || w.attempts() != 2 {
			t.Errorf("got %+v after %d attempts, want both events after 2", got, w.attempts())
		}
		if f := w.last().Failure; f.Class != codes.Timeout {
			t.Errorf("the first attempt is %v (%s), want Timeout", f.Class, f.Rule)
		}
	}, interceptor.WithAttemptTimeout(10*time.Second), interceptor.WithoutBudget())
}
