package main

import (
	"math"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// rival is a strategy deciding call by call: whether to make another attempt, and after how
// long.
type rival struct {
	// admit is asked before every attempt: false fails the attempt at once.
	admit func(w *world, client int) (wait time.Duration, ok bool)
	// again is asked after every failure; c.sent is the number of attempts made.
	again func(w *world, c *call, f codes.Failure) (wait time.Duration, ok bool)
	// tell receives every answer.
	tell func(w *world, c *call, f codes.Failure)
}

func (r *rival) arrive(w *world, c *call) { r.attempt(w, c, 0) }

func (r *rival) expire(*world, *call) {}

func (r *rival) attempt(w *world, c *call, wait time.Duration) {
	if wait > 0 {
		w.after(wait, func() {
			if !c.over {
				r.attempt(w, c, 0)
			}
		})
		return
	}
	if r.admit != nil {
		more, ok := r.admit(w, c.client)
		if !ok {
			r.failed(w, c, unavailable())
			return
		}
		if more > 0 {
			w.after(more, func() {
				if !c.over {
					w.send(c)
				}
			})
			return
		}
	}
	w.send(c)
}

func (r *rival) answer(w *world, c *call, f codes.Failure) {
	if r.tell != nil {
		r.tell(w, c, f)
	}
	if f.Class == codes.None {
		w.succeed(c)
		return
	}
	r.failed(w, c, f)
}

func (r *rival) failed(w *world, c *call, f codes.Failure) {
	wait, ok := r.again(w, c, f)
	if !ok || wait >= w.left(c) {
		w.fail(c)
		return
	}
	r.attempt(w, c, wait)
}

// noRetry makes one attempt.
func noRetry(int) strategy {
	return &rival{again: func(*world, *call, codes.Failure) (time.Duration, bool) { return 0, false }}
}

// middleware is the retry of go-grpc-middleware with three attempts:
// BackoffLinearWithJitter(50 ms, 0.1) or BackoffExponentialWithJitter.
func middleware(exponential bool) func(int) strategy {
	return func(int) strategy {
		return &rival{again: func(w *world, c *call, _ codes.Failure) (time.Duration, bool) {
			wait := 0.05
			if exponential {
				wait *= math.Exp2(float64(c.sent - 1))
			}
			return seconds(wait * (0.9 + 0.2*w.rng.Float64())), c.sent < 3
		}}
	}
}

// serviceConfig is gRPC's own retry (gRFC A6): four attempts, 0.1 s to 1 s, x2, +-20 %;
// optionally with retryThrottling of 10 tokens and 0.1 per success.
func serviceConfig(throttling bool) func(int) strategy {
	return func(n int) strategy {
		tokens := make([]float64, n)
		for i := range tokens {
			tokens[i] = 10
		}
		return &rival{
			again: func(w *world, c *call, _ codes.Failure) (time.Duration, bool) {
				if c.sent >= 4 || (throttling && tokens[c.client] <= 5) {
					return 0, false
				}
				wait := min(0.1*math.Exp2(float64(c.sent-1)), 1)
				return seconds(wait * (0.8 + 0.4*w.rng.Float64())), true
			},
			tell: func(_ *world, c *call, f codes.Failure) {
				if f.Class == codes.None {
					tokens[c.client] = min(tokens[c.client]+0.1, 10)
				} else {
					tokens[c.client] = max(tokens[c.client]-1, 0)
				}
			},
		}
	}
}

// gax is Google's client library: full jitter, 1 s to 30 s, x2, until the deadline; calls
// without a deadline get the Gemini client's.
func gax(int) strategy {
	return &rival{again: func(w *world, c *call, _ codes.Failure) (time.Duration, bool) {
		return seconds(w.rng.Float64() * min(math.Exp2(float64(c.sent-1)), 30)), w.now < c.arrived+10*time.Minute
	}}
}

// failsafe is the default of failsafe-go: two retries, no delay.
func failsafe(int) strategy {
	return &rival{again: func(_ *world, c *call, _ codes.Failure) (time.Duration, bool) { return 0, c.sent < 3 }}
}

// breaker is a circuit breaker with the defaults of sony/gobreaker, without retries: open for
// 60 s after more than five failures in a row, then letting one call try.
func breaker(n int) strategy {
	type state struct {
		failures int
		till     time.Duration // end of the open state; 0 for closed
		trying   bool
	}
	of := make([]state, n)
	return &rival{
		admit: func(w *world, i int) (time.Duration, bool) {
			s := &of[i]
			if s.till == 0 {
				return 0, true
			}
			if w.now < s.till || s.trying {
				return 0, false
			}
			s.trying = true
			return 0, true
		},
		again: func(*world, *call, codes.Failure) (time.Duration, bool) { return 0, false },
		tell: func(w *world, c *call, f codes.Failure) {
			s := &of[c.client]
			if f.Class == codes.None {
				*s = state{}
				return
			}
			s.failures++
			if s.failures > 5 || s.trying {
				s.till, s.trying = w.now+time.Minute, false
			}
		},
	}
}

// throttling is the adaptive throttling of the SRE book (chapter 21, K = 2, two minutes) in
// front of gRPC's own retries.
func throttling(n int) strategy {
	const k, decay = 2, 120.0
	type window struct {
		requests, accepts float64
		at                time.Duration
	}
	of := make([]window, n)
	fade := func(w *world, s *window) { // an exponential window instead of a sliding window
		f := math.Exp(-(w.now - s.at).Seconds() / decay)
		s.requests, s.accepts, s.at = s.requests*f, s.accepts*f, w.now
	}
	inner := serviceConfig(false)(n).(*rival)
	return &rival{
		admit: func(w *world, i int) (time.Duration, bool) {
			s := &of[i]
			fade(w, s)
			s.requests++
			reject := max(0, (s.requests-k*s.accepts)/(s.requests+1))
			return 0, w.rng.Float64() >= reject
		},
		again: func(w *world, c *call, f codes.Failure) (time.Duration, bool) {
			if c.sent == 0 { // rejected on the client side: the call fails
				return 0, false
			}
			return inner.again(w, c, f)
		},
		tell: func(w *world, c *call, f codes.Failure) {
			if f.Class == codes.None {
				s := &of[c.client]
				fade(w, s)
				s.accepts++
			}
		},
	}
}
