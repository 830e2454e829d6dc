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

// trust says whether call options on a connection are known to reach grpc. If so, a trailer
// that grpc has not written means that there was no stream. Until then, an interceptor
// further in may have dropped the options.
type trust struct {
	reach atomic.Bool
	proof grpc.OnFinishCallOption // carried by attempts until reach is true
}

func newTrust() *trust {
	t := new(trust)
	// grpc calls OnFinish for every attempt, even without a stream.
	t.proof.OnFinish = func(error) { t.reach.Store(true) }
	return t
}

// trusts holds the trust of each connection for as long as the connection exists. It must
// not refer to anything that may refer to a connection, such as an observer: no connection
// would ever be collected.
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

// note takes a trailer, unless nil, as proof that call options reach grpc.
func (t *trust) note(trailer metadata.MD) {
	if trailer != nil && !t.reach.Load() {
		t.reach.Store(true)
	}
}

// prove returns opts, with proof appended until reach is true. The caller owns opts.
func (t *trust) prove(opts []grpc.CallOption) []grpc.CallOption {
	if t.reach.Load() {
		return opts
	}
	return append(opts, t.proof)
}

// evidenceOf returns the evidence of an attempt with this trailer.
func (t *trust) evidenceOf(trailer metadata.MD) codes.Evidence {
	t.note(trailer)
	return codes.Evidence{Watched: true, Stream: trailer != nil, Trailer: trailer, Doubtful: !t.reach.Load()}
}
