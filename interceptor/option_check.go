package interceptor

import (
	"context"

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
	if o.o == nil || !o.o.shapes {
		return nil
	}
	s := r.settle(ctx, method, opts) // o is among them
	if err := s.validate(); err != nil {
		return status.Error(grpccodes.InvalidArgument, err.Error())
	}
	return nil
}
