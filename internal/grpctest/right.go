package grpctest

import (
	"context"
	"sync"

	"google.golang.org/grpc"
)

// Refuse returns an interceptor failing the first attempts with these errors, before
// anything is sent. A nil error lets the attempt pass.
func Refuse(errs ...error) grpc.StreamClientInterceptor {
	var mu sync.Mutex
	n := 0
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		mu.Lock()
		var err error
		if n < len(errs) {
			err = errs[n]
		}
		n++
		mu.Unlock()
		if err != nil {
			return nil, err
		}
		return streamer(ctx, desc, cc, method, opts...)
	}
}

// FailingOnce returns an interceptor failing the first attempt on RecvMsg. The underlying
// stream stays alive.
func FailingOnce(err error) grpc.StreamClientInterceptor {
	first := true
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		stream, openErr := streamer(ctx, desc, cc, method, opts...)
		if openErr != nil || !first {
			return stream, openErr
		}
		first = false
		return &faulty{stream, err}, nil
	}
}

// faulty is a stream with a failing RecvMsg.
type faulty struct {
	grpc.ClientStream
	err error
}

func (s *faulty) RecvMsg(any) error { return s.err }

// Finished calls the OnFinish options with err, as grpc does for a call without a stream,
// and returns err.
func Finished(opts []grpc.CallOption, err error) error {
	for _, o := range opts {
		if o, ok := o.(grpc.OnFinishCallOption); ok {
			o.OnFinish(err)
		}
	}
	return err
}
