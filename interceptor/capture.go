package interceptor

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
)

// capture holds the trailer of the attempts of a unary call, and the life of the call once
// an attempt has failed. The life is on the heap, so that the stack of a waiting call stays
// small. Captures are pooled, so that neither costs a call an allocation.
type capture struct {
	trailer metadata.MD // nil until written by grpc, which happens only if there was a stream
	header  metadata.MD // likewise, if watchHeader asked for the header
	inline  [8]grpc.CallOption
	opts    []grpc.CallOption

	call   call
	failed bool // call is in use

	conn    *grpc.ClientConn // the last connection served
	trusted *trust           // the trust of conn; nil before the first

	successes uint64 // the number of successes since the last sample
}

// watch returns opts plus an option that captures the trailer of an attempt over cc. opts
// may be shared with other calls and stays as is.
func (c *capture) watch(r *Retrier, cc *grpc.ClientConn, opts []grpc.CallOption) []grpc.CallOption {
	c.trailer = nil
	if c.opts == nil {
		c.opts = c.inline[:0]
	}
	if c.trusted == nil || c.conn != cc { // another connection came before
		c.conn, c.trusted = cc, r.trusts.of(cc)
	}
	watched := append(append(c.opts[:0], opts...), grpc.TrailerCallOption{TrailerAddr: &c.trailer})
	c.opts = c.trusted.prove(watched)
	return c.opts
}

// watchHeader returns the options of watch plus an option that captures the header. The
// header costs grpc a copy, so only attempts after an attempt said to be unprocessed ask
// for the header. A server that answers and then denies processing breaks the protocol,
// and the denial proves nothing.
func (c *capture) watchHeader() []grpc.CallOption {
	c.header = nil
	c.opts = append(c.opts, grpc.HeaderCallOption{HeaderAddr: &c.header})
	return c.opts
}

// evidence returns and clears what a watched attempt has left.
func (c *capture) evidence(watched bool) codes.Evidence {
	if !watched {
		return codes.Evidence{}
	}
	ev := c.trusted.evidenceOf(c.trailer)
	ev.Header = c.header
	c.trailer, c.header = nil, nil
	return ev
}

// sample counts a success, and reports whether the count has reached every: then the
// success is a sample. Random numbers would cost more than all else in a successful call.
func (c *capture) sample(every uint64) bool {
	c.successes++
	if c.successes < every {
		return false
	}
	c.successes = 0
	return true
}

// release clears everything of the call from the capture, and returns the capture to the
// pool.
func (r *Retrier) release(c *capture) {
	c.trailer, c.header = nil, nil
	clear(c.opts)
	if cap(c.opts) > len(c.inline) { // inline may still hold options
		clear(c.inline[:])
	}
	if c.failed {
		c.failed = false
		c.call = call{}
	}
	r.captures.Put(c)
}
