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

// finishers calls the OnFinish options of a stream once, when the call ends:
// grpc calls what it is given after every attempt, and by itself when the
// context ends. The nil value has none to call.
type finishers struct {
	mu        sync.Mutex
	fns       []func(error)
	called    bool
	committed bool
	attempt   int  // the current one
	ended     bool // it has, with err
	err       error
	stop      func() bool // stops waiting for the end of the context, after an attempt that nobody has read
}

// option returns the option to give to the current attempt. One that ends
// together with the context or the connection is the last, even if the caller
// never looks at it again.
func (f *finishers) option(ctx context.Context, cc *grpc.ClientConn) grpc.CallOption {
	n := f.attempt
	return grpc.OnFinish(func(err error) {
		f.mu.Lock()
		if n != f.attempt { // it was given up, and has ended late
			f.mu.Unlock()
			return
		}
		f.ended, f.err = true, err
		last := f.committed || ctx.Err() != nil || (cc != nil && cc.GetState() == connectivity.Shutdown)
		if !last && !f.called { // it may never be read
			f.stop = context.AfterFunc(ctx, func() { f.end(status.FromContextError(ctx.Err()).Err()) })
		}
		f.mu.Unlock()
		if last {
			f.end(err)
		}
	})
}

// commit says that the attempt is the last one.
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

// next says that another attempt follows, and returns the options for it:
// opts, with its own in the place of that of the attempt before.
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

// end calls the functions, unless they were called before.
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

// refuse calls the OnFinish options of a call that is not made, as grpc does,
// and returns its error.
func refuse(opts []grpc.CallOption, err error) error {
	for _, o := range opts {
		if o, ok := o.(grpc.OnFinishCallOption); ok && o.OnFinish != nil {
			o.OnFinish(err)
		}
	}
	return err
}

// splitOnFinish returns opts without the OnFinish options, and those: grpc
// calls them after every attempt, and they are meant for the call.
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
