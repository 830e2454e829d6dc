package interceptor

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// check returns the error of an option that was given to a call and cannot
// apply to it, that was made from an invalid value, or that does not fit what
// else applies to the call.
func (r *Retrier) check(ctx context.Context, o CallOption, method string, kind kinds, opts []grpc.CallOption) error {
	if err := o.check(method, kind); err != nil {
		return err
	}
	if o.o == nil || !o.o.shapes || kind == otherStream {
		return nil
	}
	s := r.settle(ctx, method, opts) // o is among them
	if err := s.validate(); err != nil {
		return status.Error(grpccodes.InvalidArgument, err.Error())
	}
	return nil
}

// grpcGaveUp begins the text of a failure that grpc's own retries gave up on
// (grpc-go stream.go, shouldRetry). It wraps a status; none is made of it.
const grpcGaveUp = "max retries exhausted: failed after "

// warnOfLayers warns, once, of a channel whose service config retries too:
// the attempts of two layers multiply. Whether grpc.WithDisableRetry prevents
// it cannot be asked; a failure that grpc itself has retried tells.
func (r *Retrier) warnOfLayers(c *call) {
	if c.cc == nil || len(r.logs.to) == 0 || r.warnedOfLayers.Load() || !strings.HasPrefix(c.err.Error(), grpcGaveUp) {
		return
	}
	if r.warnedOfLayers.CompareAndSwap(false, true) {
		c.logLayers()
	}
}
