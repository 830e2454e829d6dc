package interceptor

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
)

// capture is where the attempts of a unary call leave their trailer, and where
// its life is kept once an attempt has failed: on the heap, so that the stack
// of a call that waits stays small. It is pooled, so that neither costs a call
// an allocation.
type capture struct {
	trailer metadata.MD // nil until grpc writes it, which it does if there was a stream
	header  metadata.MD // likewise, where watchHeader asked for it
	inline  [8]grpc.CallOption
	opts    []grpc.CallOption

	call   call
	failed bool // call is in use

	conn    *grpc.ClientConn // that it has served last,
	trusted *trust           // and what is known of that; nil until it has served one

	successes uint64 // of calls that have used it, since the last that was a sample
}

// watch returns opts and one more, which captures the trailer of an attempt over cc.
// opts itself may be shared with other calls and is left alone.
func (c *capture) watch(r *Retrier, cc *grpc.ClientConn, opts []grpc.CallOption) []grpc.CallOption {
	c.trailer = nil
	if c.opts == nil {
		c.opts = c.inline[:0]
	}
	if c.trusted == nil || c.conn != cc { // it served another connection before
		c.conn, c.trusted = cc, r.trusts.of(cc)
	}
	watched := append(append(c.opts[:0], opts...), grpc.TrailerCallOption{TrailerAddr: &c.trailer})
	c.opts = c.trusted.prove(watched)
	return c.opts
}

// watchHeader returns the options of watch and one more, which captures the header. It
// costs grpc a copy, so that it is left to the attempts after one that the server claims
// not to have processed: one that answers and then says so breaks the protocol, and what
// it says proves nothing.
func (c *capture) watchHeader() []grpc.CallOption {
	c.header = nil
	c.opts = append(c.opts, grpc.HeaderCallOption{HeaderAddr: &c.header})
	return c.opts
}

// evidence returns what the attempt has left that was watched, and forgets it.
func (c *capture) evidence(watched bool) codes.Evidence {
	if !watched {
		return codes.Evidence{}
	}
	ev := c.trusted.evidenceOf(c.trailer)
	ev.Header = c.header
	c.trailer, c.header = nil, nil
	return ev
}

// sample counts a success and reports whether it is a sample, where every so many are
// one: without dice, which cost more than all else on the way of a call that is well.
func (c *capture) sample(every uint64) bool {
	c.successes++
	if c.successes < every {
		return false
	}
	c.successes = 0
	return true
}

// release gives the capture back. Nothing of the call stays in it.
func (r *Retrier) release(c *capture) {
	c.trailer, c.header = nil, nil
	clear(c.opts)
	if cap(c.opts) > len(c.inline) { // then they were in inline first
		clear(c.inline[:])
	}
	if c.failed {
		c.failed = false
		c.call = call{}
	}
	r.captures.Put(c)
}
