package main

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// omniscient is the limit: one scheduler for the whole fleet, knowing when the server has room,
// and sending each call once, in the order of arrival.
type omniscient struct {
	waiting []*call
}

// begin looks for room at the server every 10 ms, beside every answer.
func (o *omniscient) begin(w *world) {
	var tick func()
	tick = func() {
		o.dispatch(w)
		if w.now < w.sc.lasts+w.sc.deadline {
			w.after(10*time.Millisecond, tick)
		}
	}
	tick()
}

func (o *omniscient) dispatch(w *world) {
	for len(o.waiting) > 0 {
		c := o.waiting[0]
		if !c.over {
			if w.server.spare(w) <= 0 {
				return
			}
			w.send(c)
		}
		o.waiting = o.waiting[1:]
	}
}

func (o *omniscient) arrive(w *world, c *call) {
	o.waiting = append(o.waiting, c)
	o.dispatch(w)
}

func (o *omniscient) answer(w *world, c *call, f codes.Failure) {
	if f.Class == codes.None {
		w.succeed(c)
		o.dispatch(w)
		return
	}
	o.waiting = append(o.waiting, c) // only a chance failure (C) or a timeout
	o.dispatch(w)
}

func (o *omniscient) expire(*world, *call) {}
