package main

import (
	"math"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// awsStandard is the standard mode of the AWS SDKs, with the figures of 2026-11-10: three
// attempts; full jitter up to 20 s, from 1 s after throttling and from 50 ms after other
// failures; a bucket of 500 tokens, charged 5 or 14 per retry and refunded when the retry
// succeeds. A server's delay is clamped between the backoff and the backoff plus 5 s.
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

// awsAdaptive is the adaptive mode: the standard mode behind a rate limit, reduced by
// throttling and growing like CUBIC.
func awsAdaptive(n int) strategy { return aws(n, &cubic{of: make([]cubicClient, n)}) }

// cubic is the rate limiter of the adaptive mode, with the constants of the SDKs: beta 0.7,
// scale 0.4, at least half a token a second.
type cubic struct{ of []cubicClient }

type cubicClient struct {
	on               bool
	rate, tokens     float64
	at               time.Duration // time of the last change of tokens
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
