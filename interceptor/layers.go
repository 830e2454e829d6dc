package interceptor

import (
	"errors"

	"github.com/reinvoke/reinvoke/codes"
)

// warnOfLayers warns, once, of a channel whose service config retries too: the attempts of
// two layers multiply. No API tells whether grpc.WithDisableRetry is set, but a failure that
// grpc itself has retried shows that grpc retries.
func (r *Retrier) warnOfLayers(c *call) {
	if c.cc == nil || len(r.logs.to) == 0 || r.warnedOfLayers.Load() || !codes.RetriedByGRPC(c.err) {
		return
	}
	if r.warnedOfLayers.CompareAndSwap(false, true) {
		c.logLayers()
	}
}

// retriedBelow reports whether an interceptor further in has already retried the call: the
// attempts of both would multiply.
func retriedBelow(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && len(e.Attempts) > 1
}
