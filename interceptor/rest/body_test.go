package rest_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
)

// once is a body that can be had only once, and counts how often it is closed.
type once struct {
	io.Reader
	closed atomic.Int32
}

// Close implements io.Closer.
func (o *once) Close() error {
	o.closed.Add(1)
	return nil
}

// TestTransport_bodies: a body is sent again as it was, if it can be had again or fits the
// replay buffer, and is closed once in any case.
func TestTransport_bodies(t *testing.T) {
	for name, tt := range map[string]struct {
		size, attempts int
		opts           []interceptor.Option
	}{
		"empty":               {0, 2, nil},
		"small":               {1000, 2, nil},
		"as much as is kept":  {interceptor.DefaultReplayBuffer, 2, nil},
		"more than is kept":   {interceptor.DefaultReplayBuffer + 1, 1, nil},
		"more may be kept":    {interceptor.DefaultReplayBuffer + 1, 2, []interceptor.Option{interceptor.WithReplayBuffer(1 << 20)}},
		"nothing may be kept": {1, 1, []interceptor.Option{interceptor.WithReplayBuffer(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, script(overloaded), func(w *world) {
				sent := strings.Repeat("x", tt.size)
				body := &once{Reader: strings.NewReader(sent)}
				req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, generate, body)
				if err != nil {
					t.Fatal(err)
				}
				if got := w.do(req); got.err != nil || w.attempts() != tt.attempts {
					t.Errorf("%v after %d attempts, want %d", got.err, w.attempts(), tt.attempts)
				}
				for n, got := range w.bodies {
					if got != sent {
						t.Errorf("attempt %d has sent %d bytes, want %d", n+1, len(got), tt.size)
					}
				}
				if n := body.closed.Load(); n != 1 {
					t.Errorf("the body was closed %d times, want once", n)
				}
			}, tt.opts...)
		})
	}
}

// TestTransport_earlyAnswer: an answer that comes before the body is read does not end in
// a body that two attempts read.
func TestTransport_earlyAnswer(t *testing.T) {
	for _, reads := range []int{0, 10} {
		calls := 0
		var got []byte
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if calls++; calls == 1 {
				_, _ = io.CopyN(io.Discard, req.Body, int64(reads)) // and not more
				_ = req.Body.Close()
				return response(http.StatusServiceUnavailable, overloaded), nil
			}
			got, _ = io.ReadAll(req.Body)
			_ = req.Body.Close()
			return response(http.StatusOK, good), nil
		})
		inWorld(t, nil, func(w *world) {
			sent := bytes.Repeat([]byte("0123456789"), 100)
			body := &once{Reader: bytes.NewReader(sent)}
			w.over(base)
			req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, generate, body)
			if err != nil {
				t.Fatal(err)
			}
			if answer := w.do(req); answer.status != http.StatusOK || !bytes.Equal(got, sent) || body.closed.Load() != 1 {
				t.Errorf("%+v, %d bytes arrived, closed %d times", answer, len(got), body.closed.Load())
			}
		})
	}
}

// TestTransport_cancelled: a context that ends during a wait ends the call with the error
// of the context, and leaves nothing.
func TestTransport_cancelled(t *testing.T) {
	inWorld(t, script(overloaded), func(w *world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		time.AfterFunc(time.Second, cancel)
		got := w.do(request(w.t, http.MethodPost, generate, "x").WithContext(ctx))
		if got.err == nil || ctx.Err() == nil || !strings.Contains(got.err.Error(), "context canceled") || w.attempts() != 1 {
			t.Errorf("got %+v after %d attempts, want the error of the context", got, w.attempts())
		}
	})
}

// TestTransport_bodyAdvice: the error of a call whose body could not be sent again says
// what would have allowed that.
func TestTransport_bodyAdvice(t *testing.T) {
	abort := func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) }
	inWorld(t, abort, func(w *world) {
		req := request(w.t, http.MethodPost, generate, strings.Repeat("x", 100))
		req.GetBody = nil
		got := w.do(req)
		if got.err == nil || !strings.Contains(got.err.Error(), "the body of the request can be had only once, and is not kept for a retry: a GetBody allows one, or interceptor.WithReplayBuffer") {
			w.t.Errorf("got %v, want the advice", got.err)
		}
		if n := w.attempts(); n != 1 {
			w.t.Errorf("%d attempts, want one", n)
		}
	}, interceptor.WithReplayBuffer(10))
}
