package main

import (
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// scenario is a server, its load, and its trouble.
type scenario struct {
	name, says string
	capacity   float64 // calls per second
	lasts      time.Duration
	deadline   time.Duration
	// base and burst are the load as shares of the capacity. The burst and the trigger start at
	// from and last for during.
	base, burst    float64
	from, during   time.Duration
	outage         bool    // the trigger: every request fails at once
	slow           float64 // the trigger: work takes this many times as long
	attemptTimeout time.Duration
	server         func(*world) server
	quota          bool // the server refuses by a quota, and can give hints

	// each returns the calls per second of a client, given the number of clients. If each is
	// nil, capacity, base and burst describe the whole load. With steady, a client calls at
	// regular intervals.
	each   func(n int) float64
	steady bool
	size   func(*world) int // bytes of a request; nil if sizes do not matter
	sized  bool             // the client library knows the sizes
	tail   time.Duration    // how long calls without a deadline may continue
	// urgent is the share of interactive calls, with a deadline of their own.
	urgent         float64
	urgentDeadline time.Duration
	limits         []policy.Quota // known in advance
}

// load returns the calls arriving per second at a time.
func (s *scenario) load(at time.Duration) float64 {
	if s.burst > 0 && s.triggered(at) {
		return s.burst * s.capacity
	}
	return s.base * s.capacity
}

func (s *scenario) peak() float64 { return max(s.base, s.burst) * s.capacity }

// of returns the scenario for n clients.
func (s *scenario) of(n int) *scenario {
	if s.each == nil {
		return s
	}
	scaled := *s
	scaled.capacity = s.each(n) * float64(n)
	return &scaled
}

// every returns the time between two calls of one of n clients.
func (s *scenario) every(n int) time.Duration { return seconds(1 / s.each(n)) }

func (s *scenario) triggered(at time.Duration) bool { return at >= s.from && at < s.from+s.during }

func (s *scenario) down(at time.Duration) bool { return s.outage && s.triggered(at) }

func (s *scenario) slowness(at time.Duration) float64 {
	if s.slow > 0 && s.triggered(at) {
		return s.slow
	}
	return 1
}

// scenarios returns the scenarios of the table. The fleet shares 200 calls a second of quota or
// capacity.
func scenarios() []*scenario {
	const capacity = 200
	window := func(*world) server { return fixedWindow(60*capacity, time.Minute, 2*time.Second) }
	queued := func(*world) server { return &workers{free: 20, service: 100 * time.Millisecond, room: 1000} }
	a := scenario{capacity: capacity, deadline: 180 * time.Second, quota: true, server: window}
	b := scenario{
		capacity: capacity, deadline: time.Minute, base: 0.8, lasts: 6 * time.Minute, from: time.Minute, during: 30 * time.Second,
		server: queued,
	}

	a1 := a
	a1.name, a1.says = "A1", "quota of 12,000 a minute, 1.3 times that is asked for 10 min"
	a1.base, a1.lasts = 1.3, 10*time.Minute

	a2 := a
	a2.name, a2.says = "A2", "the same quota, half of it asked for, twice as much for 60 s"
	a2.base, a2.burst, a2.lasts, a2.from, a2.during = 0.5, 2, 7*time.Minute, 2*time.Minute, time.Minute

	a3 := a2
	a3.name, a3.says = "A3", "as A2, but 200 tokens a second, and a hint that always says 1 s"
	a3.server = func(*world) server { return tokenBucket(capacity, capacity, time.Second, 2*time.Second) }

	b1, b2, b3, b4 := b, b, b, b
	b1.name, b1.says = "B1", "20 workers, load 0.8, an outage of 30 s, attempts timed out after 2 s"
	b1.outage, b1.attemptTimeout = true, 2*time.Second
	b2.name, b2.says = "B2", "as B1, but work takes ten times as long for 30 s"
	b2.slow, b2.attemptTimeout = 10, 2*time.Second
	b3.name, b3.says = "B3", "as B1, without attempt timeouts"
	b3.outage = true
	b4.name, b4.says = "B4", "as B2, without attempt timeouts"
	b4.slow = 10

	c := b
	c.name, c.says = "C", "3 % of the requests fail by chance"
	c.from, c.during = 0, 0
	c.server = func(*world) server { return &flaky{share: 0.03, service: 100 * time.Millisecond} }
	return []*scenario{&a1, &a2, &a3, &b1, &b2, &b3, &b4, &c}
}
