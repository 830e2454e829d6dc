package interceptor

import (
	"context"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// check returns an error if the option, given to a call, cannot apply to the call, was
// made from an invalid value, or leaves the call with an invalid table or limits.
func (r *Retrier) check(ctx context.Context, o CallOption, method string, kind kinds, opts []grpc.CallOption) error {
	if err := o.check(method, kind); err != nil {
		return err
	}
	if o.o == nil || !o.o.shapes {
		return nil
	}
	s := r.settle(ctx, method, opts) // opts include o
	if err := s.validate(); err != nil {
		return status.Error(grpccodes.InvalidArgument, err.Error())
	}
	return nil
}
