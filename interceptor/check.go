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
	s := r.settle(ctx, method, append(opts[:len(opts):len(opts)], o))
	if err := s.validate(); err != nil {
		return status.Error(grpccodes.InvalidArgument, err.Error())
	}
	return nil
}

// warnOfLayers warns, once, of a channel whose service config retries too:
// the attempts of two layers multiply. A channel that was made with
// grpc.WithDisableRetry does not; that cannot be asked, so that a failure
// which the service config would have retried, and was not, speaks for it.
func (r *Retrier) warnOfLayers(c *call) {
	if c.cc == nil || len(r.logs.to) == 0 || r.disablesRetry.Load() || r.checkedLayers.Load() {
		return
	}
	retryPolicy := c.cc.GetMethodConfig(c.method).RetryPolicy
	if retryPolicy == nil {
		return
	}
	st := statusOf(c.err)
	if retryPolicy.RetryableStatusCodes[st.Code()] && !strings.HasPrefix(st.Message(), "max retries exhausted: failed after ") {
		r.checkedLayers.Store(true)
		return
	}
	if r.checkedLayers.CompareAndSwap(false, true) {
		c.logLayers()
	}
}
