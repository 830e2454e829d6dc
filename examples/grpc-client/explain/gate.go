package explain

import (
	"fmt"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// span is a range of times, from the least to the greatest number of the dice.
type span struct{ first, last time.Duration }

// String returns the range in words.
func (s span) String() string {
	const unit = 10 * time.Millisecond
	if s.first.Round(unit) == s.last.Round(unit) {
		return s.first.Round(unit).String()
	}
	return s.first.Round(unit).String() + " to " + s.last.Round(unit).String()
}

// closing describes a gate after a failure. Times count from the failure.
type closing struct {
	opens span // Closed: the opening, without a scout before
	scout span // the first call before the opening; Probing: the first probe

	// Calls with no more time left are turned away: a first call, and a call behind
	// another. 0 for none.
	alone, behind time.Duration
}

// lastDice is the highest number from the dice.
const lastDice = 1 - 1e-9

// closingOf asks a gate with these figures, of a connection without a
// history.
func closingOf(c policy.GateConfig, f codes.Failure) (x closing) {
	start := time.Unix(0, 0)
	closed := func(dice float64) *gate.Gate {
		g := gate.New(c, start, &gate.Channel{}, &gate.Memory{})
		g.Done(start, gate.Ticket{}, f, dice)
		return g
	}
	for _, end := range []struct {
		dice         float64
		opens, scout *time.Duration
	}{{0, &x.opens.first, &x.scout.first}, {lastDice, &x.opens.last, &x.scout.last}} {
		g := closed(end.dice)
		*end.opens = g.Until().Sub(start)
		for range 3 { // a quiet connection does without scouts
			g.Enter(start, &gate.Waiter{})
		}
		*end.scout = g.Next(start).Sub(start)
	}
	least := func(others int) (least time.Duration) {
		const step = 50 * time.Millisecond
		for left := step; left <= 2*f.Delay+time.Second; left += step {
			g := closed(lastDice)
			for range others {
				g.Enter(start, &gate.Waiter{})
			}
			if g.Enter(start, &gate.Waiter{Deadline: start.Add(left)}) != gate.Refuse {
				break
			}
			least = left
		}
		return least
	}
	x.alone, x.behind = least(0), least(1)
	return x
}

// gate prints the course of other calls meanwhile.
func (x *Explanation) gate(line func(name, format string, args ...any)) {
	c, f := x.gateConfig.Effective(), x.failure
	if !gate.Concerns(&c, f) {
		return
	}
	switch {
	case f.Class == codes.Quota && c.Hints && f.Delay > 0:
		at := closingOf(c, f)
		line("gate", "closes for all calls of this quota on the connection, for %v, unless many calls show that chance explains the refusal", at.opens)
		if at.scout.first < at.opens.first {
			line("", "one call that was not refused yet goes through after %v, and opens it if the server takes it", at.scout)
		}
		behind := ""
		if at.behind > at.alone {
			behind = fmt.Sprintf(", nor one at most %v behind another", at.behind)
		}
		line("", "a call whose deadline is at most %v away is not sent%s: %v, with a RetryInfo of what is left", at.alone, behind, f.Code)
	case f.Class == codes.Quota:
		at := closingOf(c, f)
		line("gate", "closes for all calls of this quota on the connection; one call goes through after %v to find out, and opens it if the server takes it", at.scout)
	default:
		line("gate", "closes for all calls of the connection after %d such failures in a row, if %d calls had succeeded in the minute before; then one call at a time goes through to find out", c.Failures, c.Healthy)
	}
	line("", "interceptor.WithoutGate() switches it off")
}
