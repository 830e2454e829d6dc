package main

import (
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// server answers requests, now or later, even if no client waits for the answer any more.
type server interface {
	request(w *world, c *call, answer func(codes.Failure))
	// spare returns how many requests the server would take at once, without refusing or
	// queueing any: the knowledge of an omniscient scheduler.
	spare(w *world) int
}

// The failures sent by the servers, as classified by codes.Classify (a test compares both).
func refusal(hint time.Duration) codes.Failure {
	f := codes.Failure{
		Class: codes.Quota, Code: grpccodes.ResourceExhausted, Reach: codes.Answered, Delay: hint, Asked: hint > 0,
		Rule: "resource-exhausted",
	}
	if hint > 0 {
		f.Rule = "quota-hint"
	}
	return f
}

func unavailable() codes.Failure {
	return codes.Failure{Class: codes.Server, Code: grpccodes.Unavailable, Reach: codes.Answered, Rule: "unavailable"}
}

// timedOut is the failure of an attempt abandoned by the client.
func timedOut() codes.Failure {
	return codes.Failure{Class: codes.Timeout, Code: grpccodes.DeadlineExceeded, Reach: codes.Lost, Rule: "deadline-exceeded"}
}

const (
	refusedAfter = 20 * time.Millisecond
	downAfter    = time.Millisecond
)

// accepting answers each request within its quota after Exp(service).
type accepting struct {
	service time.Duration
	// take takes one request from the quota, or returns the time until the next is free.
	take func(w *world) (wait time.Duration, ok bool)
	left func(w *world) int
}

func (s *accepting) request(w *world, _ *call, answer func(codes.Failure)) {
	if wait, ok := s.take(w); !ok {
		if !w.hints {
			wait = 0
		}
		w.after(refusedAfter, func() { answer(refusal(wait)) })
		return
	}
	w.after(seconds(w.work.ExpFloat64()*s.service.Seconds()), func() { answer(codes.Failure{}) })
}

func (s *accepting) spare(w *world) int { return s.left(w) }

// fixedWindow is a quota refilled at the end of every window. Its hint is the time until then.
func fixedWindow(quota int, window, service time.Duration) *accepting {
	current, used := time.Duration(-1), 0
	roll := func(w *world) {
		if now := w.now / window; now != current {
			current, used = now, 0
		}
	}
	return &accepting{
		service: service,
		take: func(w *world) (time.Duration, bool) {
			roll(w)
			if used >= quota {
				return (w.now/window+1)*window - w.now, false
			}
			used++
			return 0, true
		},
		left: func(w *world) int { roll(w); return quota - used },
	}
}

// tokenBucket is a quota refilled continuously. Its hint is constant.
func tokenBucket(rate, size float64, hint, service time.Duration) *accepting {
	tokens, at := size, time.Duration(0)
	fill := func(w *world) {
		tokens = min(size, tokens+rate*(w.now-at).Seconds())
		at = w.now
	}
	return &accepting{
		service: service,
		take: func(w *world) (time.Duration, bool) {
			fill(w)
			if tokens < 1 {
				return hint, false
			}
			tokens--
			return 0, true
		},
		left: func(w *world) int { fill(w); return int(tokens) },
	}
}

// workers is a server with a queue in front of its workers. Abandoned calls are worked on as
// well.
type workers struct {
	free    int
	service time.Duration
	room    int
	waiting []func(codes.Failure)
}

func (s *workers) request(w *world, _ *call, answer func(codes.Failure)) {
	switch {
	case w.sc.down(w.now):
		w.after(downAfter, func() { answer(unavailable()) })
	case s.free > 0:
		s.free--
		s.work(w, answer)
	case len(s.waiting) >= s.room:
		w.after(downAfter, func() { answer(unavailable()) })
	default:
		s.waiting = append(s.waiting, answer)
	}
}

func (s *workers) work(w *world, answer func(codes.Failure)) {
	w.after(seconds(w.work.ExpFloat64()*s.service.Seconds()*w.sc.slowness(w.now)), func() {
		answer(codes.Failure{})
		if len(s.waiting) == 0 {
			s.free++
			return
		}
		next := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.work(w, next)
	})
}

func (s *workers) spare(w *world) int {
	if w.sc.down(w.now) {
		return 0
	}
	return s.free
}

// flaky fails a random share of the requests.
type flaky struct {
	share   float64
	service time.Duration
}

func (s *flaky) request(w *world, _ *call, answer func(codes.Failure)) {
	if w.work.Float64() < s.share {
		w.after(refusedAfter, func() { answer(unavailable()) })
		return
	}
	w.after(seconds(w.work.ExpFloat64()*s.service.Seconds()), func() { answer(codes.Failure{}) })
}

func (s *flaky) spare(*world) int { return 1 }
