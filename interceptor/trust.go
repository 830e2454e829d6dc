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

// trust says of a connection that call options reach grpc, so that a trailer that grpc
// has not written is one that there was no stream for. Until that is known, it may mean
// that an interceptor further in does not pass them on.
type trust struct {
	reach atomic.Bool
	proof grpc.OnFinishCallOption // that an attempt carries until it is known
}

func newTrust() *trust {
	t := new(trust)
	// grpc calls it for every attempt, also for one that never gets a stream.
	t.proof.OnFinish = func(error) { t.reach.Store(true) }
	return t
}

// trusts is the trust of each connection, for as long as there is the connection. It
// leads to nothing that may lead to a connection, as an observer does: none of them would
// ever be collected.
type trusts struct {
	none *trust   // where no connection is known
	all  sync.Map // weak.Pointer[grpc.ClientConn] -> *trust
}

func newTrusts() *trusts { return &trusts{none: newTrust()} }

// of returns the trust of a connection.
func (t *trusts) of(cc *grpc.ClientConn) *trust {
	if cc == nil {
		return t.none
	}
	key := weak.Make(cc)
	if known, ok := t.all.Load(key); ok {
		return known.(*trust) //nolint:forcetypeassert // it is ours
	}
	known, there := t.all.LoadOrStore(key, newTrust())
	if !there {
		runtime.AddCleanup(cc, func(key weak.Pointer[grpc.ClientConn]) { t.all.Delete(key) }, key)
	}
	return known.(*trust) //nolint:forcetypeassert // it is ours
}

// note notes that a trailer has arrived, or not.
func (t *trust) note(trailer metadata.MD) {
	if trailer != nil && !t.reach.Load() {
		t.reach.Store(true)
	}
}

// prove returns opts and, as long as nothing is known, one more that will tell. The
// caller owns opts.
func (t *trust) prove(opts []grpc.CallOption) []grpc.CallOption {
	if t.reach.Load() {
		return opts
	}
	return append(opts, t.proof)
}

// evidenceOf returns what the attempt left behind that has this trailer.
func (t *trust) evidenceOf(trailer metadata.MD) codes.Evidence {
	t.note(trailer)
	return codes.Evidence{Watched: true, Stream: trailer != nil, Trailer: trailer, Doubtful: !t.reach.Load()}
}
