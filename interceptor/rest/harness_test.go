package rest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/rest"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

const generate = "http://gemini.test/v1beta/models/gemini-2.5-flash:generateContent"

const (
	perMinute = `{"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED", "details": [
		{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]}}`
	overloaded = `{"error": {"code": 503, "message": "The model is overloaded. Please try again later.", "status": "UNAVAILABLE"}}`
	good       = `{"candidates": []}`
)

// world is a real HTTP server in a bubble, whose answers a test writes, and a client with
// the transport under test.
type world struct {
	t      *testing.T
	r      *interceptor.Retrier
	base   *http.Transport
	client *http.Client
	busy   sync.WaitGroup // handlers

	mu     sync.Mutex
	at     []time.Time
	bodies []string
	seen   []*http.Request
	events []interceptor.Event
}

// handler answers attempt n, counted from 1.
type handler func(w http.ResponseWriter, req *http.Request, n int)

// inWorld runs f in a bubble, and fails the test for what f leaves behind: the bubble ends
// only when every goroutine has.
func inWorld(t *testing.T, h handler, f func(w *world), opts ...interceptor.Option) {
	t.Helper()
	inWorldOf(t, overHTTP1(), h, f, opts...)
}

// inWorldOf is inWorld with other protocols than HTTP/1.1.
func inWorldOf(t *testing.T, protocols *http.Protocols, h handler, f func(w *world), opts ...interceptor.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t}
		listener := grpctest.ListenPipes()
		server := &http.Server{Handler: w.serve(h), ReadHeaderTimeout: time.Hour, Protocols: protocols}
		go func() { _ = server.Serve(listener) }()
		w.base = &http.Transport{Protocols: protocols, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}}
		opts = append([]interceptor.Option{
			interceptor.WithRand(func() float64 { return 0 }),
			interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.events = append(w.events, e)
			}),
		}, opts...)
		w.r = interceptor.New(opts...)
		w.client = &http.Client{Transport: rest.Transport(w.r, w.base)}
		f(w)
		synctest.Wait() // until the connections are idle
		w.base.CloseIdleConnections()
		_ = server.Shutdown(context.Background())
		w.busy.Wait() // over HTTP/2 a handler outlives its connection
		synctest.Wait()
	})
}

// serve notes every attempt before h answers.
func (w *world) serve(h handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, req *http.Request) {
		w.busy.Add(1)
		defer w.busy.Done()
		body, _ := io.ReadAll(req.Body)
		w.mu.Lock()
		w.at, w.bodies, w.seen = append(w.at, time.Now()), append(w.bodies, string(body)), append(w.seen, req)
		n := len(w.at)
		w.mu.Unlock()
		h(out, req, n)
	})
}

// attempts returns how many attempts have arrived.
func (w *world) attempts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.at)
}

// gaps returns the times between the attempts.
func (w *world) gaps() (gaps []time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := 1; i < len(w.at); i++ {
		gaps = append(gaps, w.at[i].Sub(w.at[i-1]))
	}
	return gaps
}

// last returns the last event: of a call, if one has ended.
func (w *world) last() interceptor.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return interceptor.Event{}
	}
	return w.events[len(w.events)-1]
}

// got is what a caller sees.
type got struct {
	status int
	body   string
	header http.Header
	err    error
}

// do makes a request, and reads and closes the answer.
func (w *world) do(req *http.Request) got {
	w.t.Helper()
	resp, err := w.client.Do(req)
	if err != nil {
		return got{err: err}
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return got{resp.StatusCode, string(body), resp.Header, err}
}

// post makes the request of a generateContent.
func (w *world) post() got {
	w.t.Helper()
	return w.do(request(w.t, http.MethodPost, generate, "a question"))
}

// request returns a request. A body is had anew by GetBody.
func request(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// say writes an answer.
func say(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, body)
}

// script answers with one pair of code and body after the other, and then with good ones.
func script(bodies ...string) handler {
	codes := map[string]int{perMinute: http.StatusTooManyRequests, overloaded: http.StatusServiceUnavailable}
	return func(w http.ResponseWriter, _ *http.Request, n int) {
		if n > len(bodies) {
			say(w, http.StatusOK, good)
			return
		}
		code := codes[bodies[n-1]]
		if code == 0 {
			code = http.StatusBadGateway
		}
		say(w, code, bodies[n-1])
	}
}

// over makes the client work over another transport.
func (w *world) over(base http.RoundTripper) { w.client.Transport = rest.Transport(w.r, base) }
