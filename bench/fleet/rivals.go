package main

import (
	"math"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// rival is a strategy that decides call by call: how long to wait before each
// attempt, and whether to make one at all.
type rival struct {
	// admit is asked before every attempt: false fails the call at once.
	admit func(w *world, client int) (wait time.Duration, ok bool)
	// again is asked after every failure; attempts counts those made.
	again func(w *world, c *call, f codes.Failure) (wait time.Duration, ok bool)
	// tell is told of every answer.
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

// middleware is go-grpc-middleware's retry with three attempts: its
// BackoffLinearWithJitter(50 ms, 0.1), or BackoffExponentialWithJitter.
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

// serviceConfig is grpc's own retry (gRFC A6): four attempts, 0.1 s to 1 s, x2,
// +-20 %; with retryThrottling of 10 tokens and 0.1 a success if asked.
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

// gax is Google's client library: full jitter, 1 s to 30 s, x2, until the
// deadline, or that of the Gemini client for calls without one.
func gax(int) strategy {
	return &rival{again: func(w *world, c *call, _ codes.Failure) (time.Duration, bool) {
		return seconds(w.rng.Float64() * min(math.Exp2(float64(c.sent-1)), 30)), w.now < c.arrived+10*time.Minute
	}}
}

// failsafe is failsafe-go's default: two retries, no delay.
func failsafe(int) strategy {
	return &rival{again: func(_ *world, c *call, _ codes.Failure) (time.Duration, bool) { return 0, c.sent < 3 }}
}

// awsStandard is the standard mode of the AWS SDKs, with the figures of 2026-11-10:
// three attempts, full jitter up to 20 s from 1 s after throttling and from 50 ms
// after other failures, and a bucket of 500 tokens from which a retry takes 5 or 14
// that its success gives back. A delay that the server names is kept between the
// backoff and 5 s more.
func awsStandard(n int) strategy { return aws(n, nil) }

func aws(n int, limiter *cubic) strategy {
	bucket := make([]float64, n)
	for i := range bucket {
		bucket[i] = 500
	}
	paid := map[*call]float64{}
	r := &rival{
		again: func(w *world, c *call, f codes.Failure) (time.Duration, bool) {
			cost, base := 14.0, 0.05
			if f.Class == codes.Quota {
				cost, base = 5, 1
			}
			if c.sent >= 3 || bucket[c.client] < cost {
				delete(paid, c)
				return 0, false
			}
			bucket[c.client] -= cost
			paid[c] = cost
			wait := seconds(w.rng.Float64() * min(base*math.Exp2(float64(c.sent-1)), 20))
			if f.Delay > 0 {
				wait = min(max(f.Delay, wait), wait+5*time.Second)
			}
			return wait, true
		},
		tell: func(w *world, c *call, f codes.Failure) {
			if limiter != nil {
				limiter.tell(w, c.client, f.Class == codes.Quota)
			}
			if f.Class != codes.None {
				return
			}
			back := paid[c]
			if back == 0 {
				back = 1
			}
			delete(paid, c)
			bucket[c.client] = min(bucket[c.client]+back, 500)
		},
	}
	if limiter != nil {
		r.admit = limiter.admit
	}
	return r
}

// awsAdaptive is the adaptive mode: the standard one behind a limit on the rate
// that falls with throttling and grows as CUBIC does.
func awsAdaptive(n int) strategy { return aws(n, &cubic{of: make([]cubicClient, n)}) }

// cubic is the rate limiter of the adaptive mode, with the constants of the SDKs:
// beta 0.7, scale 0.4, half a token a second at least.
type cubic struct{ of []cubicClient }

type cubicClient struct {
	on               bool
	rate, tokens     float64
	at               time.Duration // of the tokens
	lastMax, window  float64
	throttled        time.Duration
	measured         float64
	bucket, requests float64
}

func (l *cubic) admit(w *world, i int) (time.Duration, bool) {
	c := &l.of[i]
	if !c.on {
		return 0, true
	}
	c.fill(w.now)
	c.tokens--
	if c.tokens >= 0 {
		return 0, true
	}
	return seconds(-c.tokens / c.rate), true
}

func (c *cubicClient) fill(now time.Duration) {
	c.tokens = min(c.tokens+(now-c.at).Seconds()*c.rate, max(c.rate, 1))
	c.at = now
}

func (l *cubic) tell(w *world, i int, throttled bool) {
	const beta, scale = 0.7, 0.4
	c := &l.of[i]
	half := math.Floor(w.now.Seconds()*2) / 2
	c.requests++
	if half > c.bucket {
		c.measured = 0.8*c.requests/(half-c.bucket) + 0.2*c.measured
		c.requests, c.bucket = 0, half
	}
	c.fill(w.now)
	var rate float64
	if throttled {
		base := c.measured
		if c.on {
			base = min(base, c.rate)
		}
		c.lastMax = base
		c.window = math.Cbrt(base * (1 - beta) / scale)
		c.throttled = w.now
		rate = base * beta
		c.on = true
	} else {
		dt := (w.now - c.throttled).Seconds() - c.window
		rate = scale*dt*dt*dt + c.lastMax
	}
	if c.on {
		c.rate = max(min(rate, 2*c.measured), 0.5)
	}
}

// breaker is a circuit breaker that opens for 60 s after more than five failures
// in a row and then lets one call try (the defaults of sony/gobreaker), without
// retries.
func breaker(n int) strategy {
	type state struct {
		failures int
		till     time.Duration // open until then; 0 for closed
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

// throttling is the adaptive throttling of the SRE book (chapter 21, K = 2, two
// minutes) in front of grpc's own retries.
func throttling(n int) strategy {
	const k, decay = 2, 120.0
	type window struct {
		requests, accepts float64
		at                time.Duration
	}
	of := make([]window, n)
	fade := func(w *world, s *window) { // an exponential window instead of a sliding one
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
			if c.sent == 0 { // rejected here: the caller fails
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
