package rest_test

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
)

// counting is a breaker that counts the attempts that were allowed and not told of.
type counting struct{ open atomic.Int64 }

// Allow implements interceptor.Breaker.
func (c *counting) Allow() (func(error), error) {
	c.open.Add(1)
	return func(error) { c.open.Add(-1) }, nil
}

// TestTransport_crowd: many calls at once, with failures of every kind and callers who
// leave at any time, give back what they hold: places at gate and breaker, and, checked
// by the bubble, goroutines and connections.
func TestTransport_crowd(t *testing.T) {
	const seed, calls = 7, 300
	for name, protocols := range map[string]func() *http.Protocols{"HTTP/1.1": overHTTP1, "HTTP/2": overHTTP2} {
		t.Run(name, func(t *testing.T) {
			breaker := new(counting)
			inWorldOf(t, protocols(), ofEveryKind, func(w *world) {
				var all sync.WaitGroup
				for n := range calls {
					all.Go(func() { visit(w, rand.New(rand.NewPCG(seed, uint64(n)))) }) //nolint:gosec // repeatable, not secret
				}
				all.Wait()
				if open, waiting := breaker.open.Load(), w.r.Gates().Waiting; open != 0 || waiting != 0 {
					t.Errorf("%d attempts hold the breaker, %d wait at a gate", open, waiting)
				}
				ends := 0
				for _, e := range w.events {
					if e.Outcome != interceptor.Pending {
						ends++
					}
				}
				if ends != calls {
					t.Errorf("%d calls have ended, of %d", ends, calls)
				}
			}, interceptor.WithBreaker(breaker))
		})
	}
}

// overHTTP1 are the protocols of HTTP/1.1.
func overHTTP1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// ofEveryKind answers in another way each time.
func ofEveryKind(w http.ResponseWriter, req *http.Request, n int) {
	switch n % 6 {
	case 0:
		panic(http.ErrAbortHandler)
	case 1:
		say(w, http.StatusTooManyRequests, perMinute)
	case 2:
		say(w, http.StatusServiceUnavailable, overloaded)
	case 3:
		events([]stage{{text: ": ping\n\n"}, {after: time.Second, text: "data: {}\n\n"}, {after: time.Second, text: "data: {}\n\n"}})(w, req, 1)
	default:
		say(w, http.StatusOK, good)
	}
}

// visit makes a call, and leaves at a random time in a random way.
func visit(w *world, dice *rand.Rand) {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Duration(dice.IntN(60))*time.Second)
	defer cancel()
	url := []string{generate, stream, elsewhere}[dice.IntN(3)]
	req := request(w.t, http.MethodPost, url, "x").WithContext(ctx)
	if dice.IntN(2) == 0 {
		req.GetBody = nil
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return
	}
	if dice.IntN(2) == 0 {
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	_ = resp.Body.Close()
}

// TestTransport_whatNetHTTPRepeats: counts as one attempt.
func TestTransport_whatNetHTTPRepeats(t *testing.T) {
	second := func(w http.ResponseWriter, req *http.Request, n int) {
		if n == 2 {
			cut(n)(w, req, n)
			return
		}
		say(w, http.StatusOK, good)
	}
	inWorld(t, second, func(w *world) {
		for range 2 {
			if got := w.do(request(w.t, http.MethodGet, elsewhere, "")); got.status != http.StatusOK {
				t.Errorf("got %+v", got)
			}
		}
		if e := w.last(); w.attempts() != 3 || e.Outcome != interceptor.FirstTry || e.Attempt != 1 {
			t.Errorf("%d requests: %v with %d attempts, want a first try", w.attempts(), e.Outcome, e.Attempt)
		}
	})
}

// TestTransport_panic: a base transport that panics costs no place at the breaker.
func TestTransport_panic(t *testing.T) {
	breaker := new(counting)
	inWorld(t, nil, func(w *world) {
		var ctx context.Context
		w.over(roundTripper(func(req *http.Request) (*http.Response, error) {
			ctx = req.Context() //nolint:fatcontext // to see whether it ends
			panic("mine")
		}))
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic does not reach the caller")
				}
			}()
			w.post()
		}()
		if open := breaker.open.Load(); open != 0 || ctx.Err() == nil {
			t.Errorf("%d attempts hold the breaker, and the context is %v", open, ctx.Err())
		}
	}, interceptor.WithBreaker(breaker))
}
