package interceptor

import (
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
)

// trust says of a connection that trailers arrive. Until one has, a trailer that is
// missing may mean that an interceptor further in does not pass call options on.
type trust struct{ arrive atomic.Bool }

// trusts is the trust of each connection, for as long as there is the connection. The
// zero value has none.
type trusts struct {
	none trust    // where no connection is known
	all  sync.Map // weak.Pointer[grpc.ClientConn] -> *trust
}

// of returns the trust of a connection.
func (t *trusts) of(cc *grpc.ClientConn) *trust {
	if cc == nil {
		return &t.none
	}
	key := weak.Make(cc)
	if known, ok := t.all.Load(key); ok {
		return known.(*trust) //nolint:forcetypeassert // it is ours
	}
	known, there := t.all.LoadOrStore(key, new(trust))
	if !there {
		runtime.AddCleanup(cc, func(key weak.Pointer[grpc.ClientConn]) { t.all.Delete(key) }, key)
	}
	return known.(*trust) //nolint:forcetypeassert // it is ours
}

// note notes whether a trailer has arrived.
func (t *trust) note(trailer metadata.MD) {
	if trailer != nil && !t.arrive.Load() {
		t.arrive.Store(true)
	}
}

// evidenceOf returns what the attempt left behind that has this trailer.
func (t *trust) evidenceOf(trailer metadata.MD) codes.Evidence {
	t.note(trailer)
	return codes.Evidence{Watched: true, Stream: trailer != nil, Trailer: trailer, Doubtful: !t.arrive.Load()}
}

// trust notes whether the trailer of an attempt over a connection has arrived.
func (c *capture) trust(r *Retrier, cc *grpc.ClientConn) {
	if c.trusted == nil || c.conn != cc { // it served another connection before
		c.conn, c.trusted = cc, r.trusts.of(cc)
	}
	c.trusted.note(c.trailer)
}
