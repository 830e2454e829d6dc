package interceptor

import (
	"context"
	"runtime"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// race is the concurrent attempts of a hedged call. The race belongs to the goroutine of the
// call. Attempts report their end to the race, and share nothing else with it.
type race struct {
	c       *call
	v       invocation
	ctx     context.Context // of all attempts
	request any
	reply   any // gives the type; each attempt fills a reply of its own

	ended   chan *racer
	racers  []*racer // all attempts begun
	running int
	stopped bool // no timer starts a further attempt

	// The timer for the next attempt.
	wake chan int // receives the number of a timer that has fired
	set  int      // the number of the timer in force
	stop func() bool
	// deferred says that the next attempt was paid for, with pays, and waits until till, a
	// time named by the server.
	deferred bool
	till     time.Time
	pays     policy.Account

	// The end of the race.
	won       *racer
	last      *racer // the last attempt to fail
	final     error  // the error of the call, unless a fallback helps
	concluded bool   // the call has ended with final, and observers know
}

// hedge makes attempts beside each other until an attempt succeeds or nothing more is to
// be tried. request belongs to hedge alone.
func (c *call) hedge(request, reply any, invoker grpc.UnaryInvoker) error {
	c.limitHedges()
	c.askedAtGate = true // the fallback is for the end of the race
	if c.route != nil {
		c.route.stay()
	}
	for {
		r := c.race(request, reply, invoker)
		if r.won != nil {
			copyMessage(reply, r.won.reply)
			r.won.results.deliver(c.opts)
			c.succeeded()
			return nil
		}
		if r.last != nil {
			r.last.results.deliver(c.opts)
		}
		then := conceded{final: r.final}
		if !r.concluded {
			then = c.concede(func() any { return request }, reply, r.final)
		}
		if then.next == nil {
			if then.final != nil && !c.abandoned {
				reset(reply)
			}
			return then.final
		}
		if final := c.askBreaker(); final != nil {
			reset(reply)
			return final
		}
		request = copyOf(then.next)
	}
}

// limitHedges sets the limits of the call to those of hedging. The backoff of the table
// becomes 0, so that no backoff counts against the caller's time.
func (c *call) limitHedges() {
	table := *c.state.Table
	for class := range table {
		table[class].Base, table[class].Max = 0, 0
	}
	limits := c.state.Limits.Effective(c.state.Table)
	limits.MaxAttempts = min(limits.MaxAttempts, c.knobs.Hedge.Attempts)
	c.state.Table, c.state.Limits = &table, limits
}

// race makes the attempts for a request. On return, attempts that lost are cancelled.
func (c *call) race(request, reply any, invoker grpc.UnaryInvoker) *race {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	most := c.state.Limits.MaxAttempts
	r := &race{
		c: c, v: c.invocation(invoker), ctx: ctx, request: request, reply: reply,
		ended: make(chan *racer, most), wake: make(chan int, 2*most), // room for all
	}
	defer r.quit()
	r.v.patient = policy.Patience{} // another attempt runs beside
	c.state.Attempts = 1
	r.begin()
	for r.won == nil && r.final == nil {
		select {
		case a := <-r.ended:
			r.end(a)
		case n := <-r.wake:
			r.woken(n)
		case <-c.ctx.Done():
			r.callerEnded()
		}
	}
	return r
}

// begin starts an attempt, and the timer for the next attempt.
func (r *race) begin() {
	c := r.c
	c.beginAttempt()
	a := &racer{number: c.state.Attempts, place: c.place, began: c.attemptBegan, generation: c.generation, reply: newMessage(r.reply)}
	c.place = nil // now owned by the racer
	r.racers = append(r.racers, a)
	r.running++
	go a.run(c.attemptContext(r.ctx), r.v, r.request, r.options(a), r.ended)
	if !r.stopped && c.state.Attempts < c.state.Limits.MaxAttempts {
		r.arm(c.knobs.Hedge.Delay)
	}
}

// options returns the options of an attempt.
func (r *race) options(a *racer) []grpc.CallOption {
	c := r.c
	opts := a.results.instead(c.opts, c.r.evidence)
	if c.r.evidence {
		opts = c.r.trusts.of(c.cc).prove(opts)
	}
	return opts
}

// end handles the end of an attempt.
func (r *race) end(a *racer) {
	c := r.c
	r.running--
	c.racing, c.attemptBegan, c.generation, c.place = a.number, a.began, a.generation, a.place
	switch {
	case a.broken != nil: // as without hedging, the panic surfaces on the caller's goroutine
		panic(a.broken)
	case a.exited:
		runtime.Goexit()
	}
	if a.err == nil {
		c.r.trusts.of(c.cc).note(a.results.trailer)
		r.won = a
		return
	}
	r.last = a
	var ev codes.Evidence
	if c.r.evidence {
		ev = c.r.trusts.of(c.cc).evidenceOf(a.results.trailer)
	}
	_, _, final := c.failed(a.err, ev)
	verdict, wait := c.decision.Hedging()
	switch verdict {
	case policy.Next:
		r.next(wait)
		return
	case policy.NoMore:
		r.stopped = true
		if c.decision.Why == policy.PushbackStop {
			r.release()
		}
		if !r.deferred {
			r.disarm()
		}
		if r.running > 0 || r.deferred {
			return
		}
	case policy.Fatal:
	}
	r.final = final
}

// next starts the next attempt, already paid for, or defers it by wait.
func (r *race) next(wait time.Duration) {
	c := r.c
	if r.deferred { // the deferred attempt is the next, but may have to wait longer
		c.returnToken()
		r.hold(wait)
		return
	}
	if final := c.renew(); final != nil {
		r.final, r.concluded = final, true
		return
	}
	if wait > 0 {
		c.count()
		r.deferred, r.pays = true, c.decision.Pays
		r.hold(wait)
		return
	}
	if !r.admit() {
		c.returnToken()
		return
	}
	c.count()
	r.disarm()
	r.begin()
}

// admit takes a place at the gate and the breaker for a further attempt. It waits for the
// place only if no other attempt is under way; otherwise it reports false instead.
func (r *race) admit() bool {
	if r.running > 0 {
		return r.c.tryEnter()
	}
	if final := r.c.enter(); final != nil {
		r.final, r.concluded = final, true
		return false
	}
	return true
}

// woken starts the next attempt, if timer n is in force and the attempt can be paid for.
func (r *race) woken(n int) {
	c := r.c
	if n != r.set || r.stop == nil {
		return
	}
	r.stop = nil
	switch {
	case r.deferred:
		if !r.admit() {
			r.release()
			return
		}
		r.deferred = false
	case c.r.budget.Take(policy.Tokens):
		if !r.admit() {
			c.r.budget.Return(policy.Tokens)
			return
		}
		c.state.Attempts++
		c.hedges++
	default:
		return
	}
	r.begin()
}

// quit gives back what the race still holds: the token of a deferred attempt, and the places
// of the attempts that lost, which are cancelled and not waited for.
func (r *race) quit() {
	r.release()
	for _, a := range r.racers {
		if a != r.won {
			a.place.lapse()
		}
	}
}

// callerEnded ends the race because the caller's context has ended.
func (r *race) callerEnded() {
	c := r.c
	c.racing = 0
	if len(c.history) == 0 {
		_, _, r.final = c.failed(status.FromContextError(c.ctx.Err()).Err(), codes.Evidence{})
		return
	}
	r.final, r.concluded = c.end(ending{why: policy.CallerEnded, instead: c.ctx.Err()}), true
}
