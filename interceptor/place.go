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

// place is what an attempt holds of what calls share: its turn at the gate, its shade
// in a dry run, and the place of the breaker. The attempt owns it from [call.enter] on.
// It is given back once, by whoever comes first, on any goroutine: [call.giveBack] with
// what the attempt has ended with, or [place.lapse] where nobody will know. The nil
// place holds nothing.
type place struct {
	r       *Retrier
	key     gates.Key
	ticket  gate.Ticket // zero for none
	shade   *gates.Shade
	breaker func(error) // nil for none

	mu    sync.Mutex
	given bool
	stop  func() bool // stops the timer of [place.lapseAfter]; nil for none
	leave func() bool // likewise the wait of [place.lapseWith]
}

// claim reports whether the place is the caller's to give back.
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

// lapseAfter has the place lapse after a time, unless it was given back before.
func (p *place) lapseAfter(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop = p.r.clock.AfterFunc(d, p.lapse)
}

// lapseWith has the place lapse when a context ends, unless it was given back before.
func (p *place) lapseWith(ctx context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.given && p.leave == nil {
		p.leave = context.AfterFunc(ctx, p.lapse)
	}
}

// lapse gives the place back of an attempt whose end nobody will know, or that was not
// made. Without effect if it was given back before.
func (p *place) lapse() {
	if !p.claim() {
		return
	}
	func() {
		defer func() { _ = recover() }() // the goroutine may be that of a timer, and a panic the end of the process
		p.tellBreaker(codes.Failure{Class: codes.Ended}, nil)
	}()
	if p.shade != nil {
		p.shade.Close()
	}
	if f := (codes.Failure{Class: codes.Ended}); !p.ticket.Sent().IsZero() && p.r.gates.Concern(f) {
		p.r.gates.Done(p.key, p.ticket, f, nil)
	}
}

// tellBreaker tells the breaker how the attempt has ended.
func (p *place) tellBreaker(f codes.Failure, err error) {
	if p.breaker == nil {
		return
	}
	if f.Class.Load() != codes.Troubled {
		err = nil
	}
	p.breaker(err)
}

// pass notes that the gate of a key has let the attempt through.
func (p *place) pass(key gates.Key, t gate.Ticket) { p.key, p.ticket = key, t }

// hold returns the place of the attempt that is about to begin.
func (c *call) hold() *place {
	if c.place == nil {
		c.place = &place{r: c.r}
	}
	return c.place
}

// watchPlace returns opts with what gives the place of a stream back that nobody reads
// any more: once its context has ended, of which grpc tells, or else after the longest
// interval between probes.
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
		} else { // whoever reads it knows more, but perhaps nobody does
			p.lapseWith(ctx)
		}
	}))
}

// quit gives back what a call still holds that has ended without an end: because a
// function on the right, or one of the caller's, has panicked or ended its goroutine.
func (c *call) quit() {
	if c == nil {
		return
	}
	c.returnToken()
	c.place.lapse()
	c.place = nil
}
