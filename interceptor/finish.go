package interceptor

import (
	"context"
	"io"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

// finishers calls the OnFinish options of a stream once, when the call ends. grpc calls
// OnFinish options after every attempt, and by itself when the context ends. The nil
// finishers calls nothing.
type finishers struct {
	mu        sync.Mutex
	fns       []func(error)
	called    bool
	committed bool
	attempt   int  // the number of the current attempt
	ended     bool // the current attempt has ended, with err
	err       error
	stop      func() bool // stops waiting for the end of the context, after an attempt that nobody has read
}

// option returns the OnFinish option for the current attempt. An attempt that ends
// together with the context or the connection is the last, even if the caller never
// reads the end.
func (f *finishers) option(ctx context.Context, cc *grpc.ClientConn) grpc.CallOption {
	n := f.attempt
	return grpc.OnFinish(func(err error) {
		f.mu.Lock()
		if n != f.attempt { // the attempt was abandoned, and ends late
			f.mu.Unlock()
			return
		}
		f.ended, f.err = true, err
		last := f.committed || ctx.Err() != nil || (cc != nil && cc.GetState() == connectivity.Shutdown)
		if !last && !f.called { // the caller may never read the end
			f.stop = context.AfterFunc(ctx, func() { f.end(status.FromContextError(ctx.Err()).Err()) })
		}
		f.mu.Unlock()
		if last {
			f.end(err)
		}
	})
}

// commit says that the current attempt is the last.
func (f *finishers) commit() {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.committed = true
	ended, err := f.ended, f.err
	f.mu.Unlock()
	if ended {
		f.end(err)
	}
}

// next begins another attempt. It returns opts with the option of the previous attempt,
// the last in opts, replaced by the option of the new attempt.
func (f *finishers) next(ctx context.Context, cc *grpc.ClientConn, opts []grpc.CallOption) []grpc.CallOption {
	if f == nil {
		return opts
	}
	f.mu.Lock()
	f.attempt++
	f.ended, f.err = false, nil
	f.halt()
	f.mu.Unlock()
	return append(slices.Clone(opts[:len(opts)-1]), f.option(ctx, cc))
}

// halt stops waiting for the end of the context.
func (f *finishers) halt() {
	if f.stop != nil {
		f.stop()
		f.stop = nil
	}
}

// end calls the functions, unless they have been called.
func (f *finishers) end(err error) {
	if f == nil {
		return
	}
	if err == io.EOF { //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
		err = nil
	}
	f.mu.Lock()
	called := f.called
	f.called = true
	f.halt()
	f.mu.Unlock()
	if called {
		return
	}
	for _, fn := range f.fns {
		fn(err)
	}
}

// refuse calls the OnFinish options of a call that is not made, as grpc does, and returns
// err.
func refuse(opts []grpc.CallOption, err error) error {
	for _, o := range opts {
		if o, ok := o.(grpc.OnFinishCallOption); ok && o.OnFinish != nil {
			o.OnFinish(err)
		}
	}
	return err
}

// splitOnFinish separates the OnFinish functions from the other options. The functions
// are meant for the whole call, but grpc calls them after every attempt.
func splitOnFinish(opts []grpc.CallOption) (rest []grpc.CallOption, finish []func(error)) {
	rest = make([]grpc.CallOption, 0, len(opts))
	for _, o := range opts {
		if o, ok := o.(grpc.OnFinishCallOption); ok {
			if o.OnFinish != nil {
				finish = append(finish, o.OnFinish)
			}
			continue
		}
		rest = append(rest, o)
	}
	return rest, finish
}
