package gate_test

import (
	"fmt"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// A gate closes after the first refusal, and two calls that come meanwhile leave
// one after the other.
func Example() {
	start := time.Unix(0, 0)
	dice := 0.5
	g := gate.New(policy.DefaultGate(), start, &gate.Channel{}, &gate.Memory{})
	g.Done(start, gate.Ticket{}, codes.Failure{Class: codes.Quota, Delay: 2 * time.Second, Asked: true}, dice)

	first, second := gate.Waiter{Owner: "first"}, gate.Waiter{Owner: "second"}
	fmt.Println(g.Enter(start, &first), g.Enter(start, &second))
	for now := start; g.Waiting() > 0; {
		now = g.Next(now) // a timer
		for w, verdict := g.Admit(now); w != nil; w, verdict = g.Admit(now) {
			fmt.Println(w.Owner, verdict, "after", now.Sub(start).Round(time.Millisecond))
			g.Done(now, w.Ticket(), codes.Failure{}, dice) // it succeeds at once
		}
	}
	// Output:
	// wait wait
	// first pass after 2.25s
	// second pass after 2.364s
}

// A Pulse is told of one success in so many.
func ExamplePulse() {
	var p gate.Pulse
	start := time.Unix(0, 0)
	for n := range 20 {
		p.Success(start.Add(time.Duration(n) * time.Second))
	}
	fmt.Println(p.Recent(start.Add(20*time.Second)), "in the last minute, every", p.Every())
	// Output:
	// 20 in the last minute, every 1
}
