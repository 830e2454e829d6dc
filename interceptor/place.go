package interceptor

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// place is an attempt's share of common resources: the turn at the gate, the shade in a dry
// run, and the place at the breaker. The attempt owns its place from [call.enter] on. The
// place is given back once, by the first caller on any goroutine: [call.giveBack] with the
// outcome of the attempt, or [place.lapse] if nobody will know the outcome. The nil place
// holds nothing.
type place struct {
	r       *Retrier
	key     gates.Key
	ticket  gate.Ticket // zero for none
	spent   *gates.Key  // the spent quota tried by the attempt; nil for none
	scouts  bool        // as a scout
	shade   *gates.Shade
	breaker func(error) // nil for none

	mu    sync.Mutex
	given bool
	stop  func() bool // stops the timer of [place.lapseAfter]; nil for none
	leave func() bool // stops waiting for the context of [place.lapseWith]; nil for none
}

// claim reports whether the caller is the first to give back the place.
func (p *place) claim() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.given {
		return false
	}
	p.given = true
	for _, stop := range []func() bool{p.stop, p.leave} {
		if stop != nil {
			stop()
		}
	}
	return true
}

// lapseAfter makes the place lapse after d, unless given back before.
func (p *place) lapseAfter(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.given && p.stop == nil {
		p.stop = p.r.clock.AfterFunc(d, p.lapse)
	}
}

// lapseWith makes the place lapse when ctx ends, unless given back before.
func (p *place) lapseWith(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.given && p.leave == nil {
		p.leave = context.AfterFunc(ctx, p.lapse)
	}
}

// lapse gives back the place of an attempt whose end nobody will know, or of an attempt
// never made. No effect if given back before.
func (p *place) lapse() {
	if !p.claim() {
		return
	}
	func() {
		defer func() { _ = recover() }() // on a timer's goroutine a panic would end the process
		p.tellBreaker(codes.Failure{Class: codes.Ended}, nil)
	}()
	if p.shade != nil {
		p.shade.Close()
	}
	if f := (codes.Failure{Class: codes.Ended}); !p.ticket.Sent().IsZero() && p.r.gates.Concern(f) {
		p.r.gates.Done(p.key, p.ticket, f, nil)
	}
}

// tellBreaker tells the breaker how the attempt ended.
func (p *place) tellBreaker(f codes.Failure, err error) {
	if p.breaker == nil {
		return
	}
	if f.Class.Load() != codes.Troubled {
		err = nil
	}
	p.breaker(err)
}

// pass notes that the gate of a key let the attempt through.
func (p *place) pass(key gates.Key, t gate.Ticket) { p.key, p.ticket = key, t }

// hold returns the place of the attempt about to begin.
func (c *call) hold() *place {
	if c.place == nil {
		c.place = &place{r: c.r}
	}
	return c.place
}

// watchPlace gives back the place of a stream nobody reads any more: after the end of the
// context, as grpc reports through the returned options, or else after the longest interval
// between probes.
func (c *call) watchPlace(opts []grpc.CallOption) []grpc.CallOption {
	p := c.place
	if p == nil {
		return opts
	}
	ctx := c.ctx
	p.lapseAfter(c.r.gateFigures().Effective().ProbeMax)
	return append(opts[:len(opts):len(opts)], grpc.OnFinish(func(error) {
		if ctx.Err() != nil {
			p.lapse()
		} else { // a reader knows more, but perhaps nobody reads
			p.lapseWith(ctx)
		}
	}))
}

// quit gives back everything still held by a call that ended without an outcome, because a
// function further down the chain, or a function of the caller, panicked or ended its
// goroutine.
func (c *call) quit() {
	if c == nil {
		return
	}
	c.returnToken()
	c.place.lapse()
	c.place = nil
}
