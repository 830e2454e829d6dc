package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

func TestZZDebug(t *testing.T) {
	name := os.Getenv("SC")
	if name == "" {
		t.Skip()
	}
	n := 10
	fmt.Sscan(os.Getenv("N"), &n)
	step := 10
	fmt.Sscan(os.Getenv("STEP"), &step)
	for _, sc := range scenarios() {
		if sc.name != name {
			continue
		}
		side := newReinvoke(policy.FleetConfig(), sc, n)
		w := &spy{reinvoke: side, every: time.Duration(step) * time.Second}
		m := run(sc, n, os.Getenv("HINTS") != "no", w, 1)
		fmt.Println(m.success(), m.perSuccess())
	}
}

type spy struct {
	*reinvoke
	every, next time.Duration
}

func (s *spy) arrive(w *world, c *call) {
	if s.next == 0 {
		s.tick(w)
	}
	s.reinvoke.arrive(w, c)
}

func (s *spy) tick(w *world) {
	s.next = 1
	if w.now < w.sc.lasts+w.sc.deadline {
		w.after(s.every, func() { s.tick(w) })
	}
	{
		g := s.clients[0].gate
		var good, bad, asked float64
		for i := int((w.now-s.every)/time.Second); i < int(w.now/time.Second); i++ {
			if i >= 0 {
				good += w.got.good[i]
				bad += w.got.bad[i]
				for j := 0; j < 10; j++ {
					asked += w.got.asked[10*i+j]
				}
			}
		}
		line := fmt.Sprintf("%6.1f good %.0f bad %.0f asked %.0f ", w.now.Seconds(), good/s.every.Seconds(), bad/s.every.Seconds(), asked/s.every.Seconds())
		if g != nil {
			line += fmt.Sprintf("state %v until %.1f waiting %d pace %.2f backoff %d", g.State(clock(w.now)), time.Duration(g.Until().UnixNano()).Seconds(), g.Waiting(), g.Pace(clock(w.now)), 0)
		}
		var sum, queued, paced, closed, ideal float64
		for i := range s.clients {
			if g := s.clients[i].gate; g != nil {
				queued += float64(g.Waiting())
				if g.State(clock(w.now)) != 0 {
					closed++
				} else if p := g.Pace(clock(w.now)); p > 0 && g.Waiting() > 0 {
					sum += p
					paced++
				} else {
					ideal++
				}
			}
		}
		line += fmt.Sprintf(" | paced %.0f sum %.0f closed %.0f idle %.0f queued %.0f", paced, sum, closed, ideal, queued)
		tok, earned := s.clients[0].budget.Held()
		fmt.Println(line, "tokens", tok, earned)
	}
}
