package main

import (
	"fmt"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// The scenes of ordinary programs: a server refuses for a while, or refuses some calls, or
// names wrong times; nothing else is wrong. Here a gate must not be worse than none. A process
// makes 4 calls a second, or 30; each of 1,000 processes is quiet.

const (
	quickly = 100 * time.Millisecond
	slowly  = 10 * time.Second // typical latency of a model
	// largest is the size of the largest small request.
	largest = 1000
	// tail is how long calls without a deadline may continue after the scene.
	tail = time.Hour
)

// calls returns the calls per second of each client: few, or quiet in a fleet of 1,000.
func calls(few, quiet float64) func(n int) float64 {
	return func(n int) float64 {
		if n >= 1000 {
			return quiet
		}
		return few
	}
}

// hiccup refuses the first calls of each client with these hints.
type hiccup struct {
	hints   []time.Duration
	seen    map[int]int
	service time.Duration
}

func (s *hiccup) request(w *world, c *call, answer func(codes.Failure)) {
	n := s.seen[c.client]
	if n < len(s.hints) {
		s.seen[c.client]++
		w.after(refusedAfter, func() { answer(refusal(s.hints[n])) })
		return
	}
	w.after(s.service, func() { answer(codes.Failure{}) })
}

func (s *hiccup) spare(*world) int { return 1 }

// picky refuses some calls and takes all others.
type picky struct {
	refuses func(w *world, c *call) bool
	hint    time.Duration
	service time.Duration
}

func (s *picky) request(w *world, c *call, answer func(codes.Failure)) {
	if s.refuses(w, c) {
		w.after(refusedAfter, func() { answer(refusal(s.hint)) })
		return
	}
	w.after(s.service, func() { answer(codes.Failure{}) })
}

func (s *picky) spare(*world) int { return 1 }

// within returns the deadline as written in a table.
func within(deadline time.Duration) string {
	if deadline == 0 {
		return "none"
	}
	return deadline.String()
}

// d1 refuses the first calls, and then takes all calls.
func d1(deadline, service time.Duration, hints ...time.Duration) *scenario {
	return &scenario{
		name: "D1", says: fmt.Sprintf("hints %v, deadline %s, calls of %v", hints, within(deadline), service),
		quota: true, each: calls(4, 0.1), steady: true, lasts: time.Minute, deadline: deadline, tail: tail,
		server: func(*world) server { return &hiccup{hints: hints, seen: map[int]int{}, service: service} },
	}
}

// d2 is a token quota refusing large prompts, one in twenty, and taking all small prompts.
func d2(deadline, service time.Duration, sizes bool) *scenario {
	says := "sizes not known"
	if sizes {
		says = "sizes known"
	}
	return &scenario{
		name: "D2", says: fmt.Sprintf("deadline %s, calls of %v, %s", within(deadline), service, says),
		quota: true, each: calls(4, 0.1), steady: true, lasts: 5 * time.Minute, deadline: deadline, tail: tail, sized: sizes,
		size: func(w *world) int {
			if w.calls.IntN(20) == 0 {
				return 20 * largest
			}
			return largest/5 + w.calls.IntN(largest/2)
		},
		server: func(*world) server {
			return &picky{refuses: func(_ *world, c *call) bool { return c.size > largest }, hint: 38 * time.Second, service: service}
		},
	}
}

// d3 is a per-minute quota with wrong hints: half of the quota is in demand, and twice the
// quota for one minute.
func d3(what string, hint func(left time.Duration) time.Duration) *scenario {
	return &scenario{
		name: "D3", says: "hints " + what, quota: true, each: calls(4, 0.2), base: 0.5, burst: 2, lasts: 5 * time.Minute,
		from: time.Minute, during: time.Minute, deadline: time.Minute,
		server: func(w *world) server {
			s := fixedWindow(int(60*w.sc.capacity), time.Minute, 2*time.Second)
			take := s.take
			s.take = func(w *world) (time.Duration, bool) {
				left, ok := take(w)
				return hint(left), ok
			}
			return s
		},
	}
}

// d4 refuses a random share of the calls.
func d4(share float64, hint, deadline, service time.Duration) *scenario {
	return &scenario{
		name: "D4", says: fmt.Sprintf("%v %%, hint %v, deadline %v, calls of %v", 100*share, hint, deadline, service),
		quota: true, each: calls(30, 0.3), base: 1, lasts: 2 * time.Minute, deadline: deadline, tail: tail,
		server: func(*world) server {
			return &picky{refuses: func(w *world, _ *call) bool { return w.work.Float64() < share }, hint: hint, service: service}
		},
	}
}

// d4later is d4 after two minutes without refusals.
func d4later(share float64, hint, deadline, service time.Duration) *scenario {
	sc := d4(share, hint, deadline, service)
	sc.says += ", after 2 min that were well"
	sc.lasts = 4 * time.Minute
	sc.server = func(*world) server {
		return &picky{refuses: func(w *world, _ *call) bool { return w.now > 2*time.Minute && w.work.Float64() < share }, hint: hint, service: service}
	}
	return sc
}

// ordinary returns all scenes.
func ordinary() (all []*scenario) {
	const s, ms = time.Second, time.Millisecond
	for _, hints := range [][]time.Duration{
		{200 * ms, 200 * ms, 200 * ms}, {s, s}, {2 * s, 2 * s, 2 * s}, {10 * s, 10 * s, 10 * s}, {5 * s, 58 * s}, {38 * s, 38 * s},
	} {
		all = append(all, d1(5*s, quickly, hints...), d1(0, quickly, hints...), d1(20*s, slowly, hints...), d1(s/2, quickly, hints...), d1(s, quickly, hints...))
	}
	for _, sizes := range []bool{true, false} {
		all = append(all, d2(s, quickly, sizes), d2(10*s, quickly, sizes), d2(time.Minute, quickly, sizes), d2(0, quickly, sizes), d2(20*s, slowly, sizes))
	}
	times := func(by float64) func(time.Duration) time.Duration {
		return func(left time.Duration) time.Duration { return time.Duration(by * float64(left)) }
	}
	always := func(d time.Duration) func(time.Duration) time.Duration {
		return func(time.Duration) time.Duration { return d }
	}
	all = append(all, d3("that are right", times(1)), d3("ten times too long", times(10)), d3("ten times too short", times(0.1)),
		d3("of 1s, always", always(s)), d3("of 30s, always", always(30*s)), d3("absent", always(0)))
	for _, share := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5} {
		for _, hint := range []time.Duration{50 * ms, s, 10 * s, 30 * s} {
			deadline := 5 * s
			if hint >= 10*s {
				deadline = time.Minute
			}
			all = append(all, d4(share, hint, deadline, quickly))
		}
	}
	for _, share := range []float64{0.05, 0.2, 0.5} {
		all = append(all, d4later(share, s, 5*s, quickly), d4later(share, 10*s, time.Minute, quickly))
	}
	return append(all, d4(0.05, 10*s, s, quickly), d4(0.2, 10*s, s, quickly), d4(0.05, 10*s, 5*s, quickly), d4(0.05, s, 20*s, slowly), d4(0.2, 50*ms, 20*s, slowly), d4(0.2, s, 20*s, slowly), d4(0.5, s, 20*s, slowly))
}
