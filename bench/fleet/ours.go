package main

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// reinvoke is our side: policy.Decide, policy.Tally, policy.Budget and policy/gate as shipped.
// The code here does what package interceptor does around these.
type reinvoke struct {
	config  policy.Config
	clients []client
	ranked  bool // calls have priorities
}

// client is a process with one channel.
type client struct {
	budget  *policy.Budget
	gate    *gate.Gate // nil while there is nothing to wait for
	channel gate.Channel
	memory  gate.Memory
	timer   time.Duration // time of the pending timer; 0 for none
}

// ownCall is our side's state of a call.
type ownCall struct {
	state  policy.Tally
	waiter gate.Waiter
	ticket gate.Ticket // of the attempt under way
	queued bool
	sent   bool
	// patience is that of the attempt under way.
	patience policy.Patience
}

func newReinvoke(config policy.Config, sc *scenario, n int) *reinvoke {
	if sc.attemptTimeout > 0 && config.Budget == policy.DefaultBudget() {
		config.Budget = policy.AttemptTimeoutBudget()
	}
	r := &reinvoke{config: config, clients: make([]client, n)}
	for i := range r.clients {
		budget, err := policy.NewBudget(config.Budget)
		if err != nil {
			panic(err)
		}
		r.clients[i].budget = budget
		if len(sc.limits) > 0 {
			r.clients[i].memory.Limit(clock(0), sc.limits)
		}
	}
	return r
}

// clock converts virtual time to a time.Time.
func clock(at time.Duration) time.Time { return time.Unix(0, int64(at)) }

func (r *reinvoke) arrive(w *world, c *call) {
	o := &ownCall{}
	o.state.State = policy.State{Table: &r.config.Table, Limits: r.config.Limits, Repeatable: true}
	o.waiter.Owner = c
	if c.deadline != never {
		o.waiter.Deadline = clock(c.deadline)
	}
	if w.sc.sized {
		o.waiter.Size = c.size
	}
	if r.ranked && !c.urgent {
		o.waiter.Priority = policy.LowPriority
	}
	c.own = o
	r.enter(w, c, o)
}

// enter asks the gate, if there is one.
func (r *reinvoke) enter(w *world, c *call, o *ownCall) {
	cl := &r.clients[c.client]
	if cl.gate == nil && cl.memory.Limited() {
		cl.gate = gate.New(r.config.Gate, clock(w.now), &cl.channel, &cl.memory)
	}
	g := cl.gate
	if g == nil {
		o.ticket = gate.Ungated(o.waiter.Size, false)
		r.send(w, c, o)
		return
	}
	o.waiter.Again = o.state.Attempts > 0
	switch g.Enter(clock(w.now), &o.waiter) {
	case gate.Pass:
		o.ticket = o.waiter.Ticket()
		r.send(w, c, o)
	case gate.Refuse:
		w.fail(c)
	case gate.Wait:
		o.queued = true
	}
	r.turn(w, c.client)
}

func (r *reinvoke) send(w *world, c *call, o *ownCall) {
	o.queued, o.sent = false, true
	if w.sc.attemptTimeout > 0 {
		o.patience = o.state.Patience(r.clients[c.client].budget, timedOut(), w.sc.attemptTimeout, o.waiter.Deadline)
	}
	w.send(c)
}

// turn sends the calls admitted by a client's gate, fails the refused calls, and plans the next
// turn.
func (r *reinvoke) turn(w *world, i int) {
	cl := &r.clients[i]
	for cl.gate != nil {
		waiter, verdict := cl.gate.Admit(clock(w.now))
		if waiter == nil {
			break
		}
		c := waiter.Owner.(*call)
		if verdict == gate.Pass {
			o := c.own.(*ownCall)
			o.ticket = waiter.Ticket()
			r.send(w, c, o)
		} else {
			w.fail(c)
		}
	}
	if cl.gate == nil {
		return
	}
	if cl.gate.AtRest(clock(w.now)) {
		cl.gate = nil
		return
	}
	next := cl.gate.Next(clock(w.now))
	if next.IsZero() {
		return
	}
	at := max(time.Duration(next.UnixNano()), w.now)
	if cl.timer > w.now && cl.timer <= at {
		return // the pending timer comes earlier, and sets the next
	}
	cl.timer = at
	w.after(at-w.now, func() {
		if cl.timer == w.now {
			cl.timer = 0
			r.turn(w, i)
		}
	})
}

func (r *reinvoke) answer(w *world, c *call, f codes.Failure) {
	cl, o := &r.clients[c.client], c.own.(*ownCall)
	o.sent = false
	r.tell(w, c, f)
	if f.Class == codes.None {
		cl.budget.Success()
		if w.rng.IntN(cl.channel.Every()) == 0 {
			cl.channel.Success(clock(w.now))
		}
		w.succeed(c)
		r.turn(w, c.client)
		return
	}
	held := cl.gate != nil && cl.gate.Holds(clock(w.now), f)
	s := &o.state
	s.Failed(clock(w.now), o.waiter.Deadline)
	if o.ticket.Scout() && f.Class == codes.Quota {
		s.Scouted()
	}
	s.OwnTimeout, s.AtGate = f.Class == codes.Timeout, held
	if o.patience.Take() {
		s.Prepay()
	}
	u := w.rng.Float64()
	d := s.Pay(cl.budget, s.Decide(cl.budget, f, u), f, u)
	if !d.Retry {
		w.fail(c)
		r.turn(w, c.client)
		return
	}
	s.Retry(d)
	o.waiter.Due = time.Time{}
	if held {
		o.waiter.Due = clock(w.now + f.Delay)
	}
	if held {
		r.enter(w, c, o)
		return
	}
	r.turn(w, c.client)
	w.after(d.Wait, func() {
		if !c.over {
			r.enter(w, c, o)
		}
	})
}

// giveUp implements patient.
func (r *reinvoke) giveUp(w *world, c *call) bool {
	return c.own.(*ownCall).patience.GiveUp(clock(w.now))
}

// tell reports the end of an attempt to the gate. The first failure relevant to the gate
// creates the gate.
func (r *reinvoke) tell(w *world, c *call, f codes.Failure) {
	cl, o := &r.clients[c.client], c.own.(*ownCall)
	if cl.gate == nil {
		if !gate.Concerns(&r.config.Gate, f) {
			return
		}
		cl.gate = gate.New(r.config.Gate, clock(w.now), &cl.channel, &cl.memory)
	}
	cl.gate.Done(clock(w.now), o.ticket, f, w.rng.Float64())
	if f.Class != codes.None && cl.gate.State(clock(w.now)) == gate.Open {
		cl.channel.Failure(clock(w.now))
	}
}

func (r *reinvoke) expire(w *world, c *call) {
	cl, o := &r.clients[c.client], c.own.(*ownCall)
	if cl.gate == nil {
		return
	}
	if o.queued {
		cl.gate.Leave(&o.waiter)
	} else if o.sent {
		cl.gate.Done(clock(w.now), o.ticket, codes.Failure{Class: codes.Ended}, w.rng.Float64())
	}
	r.turn(w, c.client)
}
