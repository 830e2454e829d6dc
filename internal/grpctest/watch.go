package grpctest

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// Attempt is what an interceptor on the right sees of an attempt.
type Attempt struct {
	Ctx    context.Context
	Stream grpc.ClientStream
}

// Attempts watches the attempts of a connection from the right.
type Attempts struct {
	mu   sync.Mutex
	seen []*Attempt
}

// Intercept is the interceptor.
func (a *Attempts) Intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, cc, method, opts...)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, &Attempt{ctx, stream})
	return stream, err
}

// All returns the attempts so far.
func (a *Attempts) All() []*Attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*Attempt(nil), a.seen...)
}

// Ledger is a stats.Handler that counts the attempts of a client which have
// begun and ended.
type Ledger struct {
	mu           sync.Mutex
	begun, ended int
}

// TagRPC changes nothing.
func (l *Ledger) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn changes nothing.
func (l *Ledger) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (l *Ledger) HandleConn(context.Context, stats.ConnStats) {}

// HandleRPC counts.
func (l *Ledger) HandleRPC(_ context.Context, s stats.RPCStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch s.(type) {
	case *stats.Begin:
		l.begun++
	case *stats.End:
		l.ended++
	}
}

// Counts returns how many attempts have begun and ended.
func (l *Ledger) Counts() (begun, ended int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun, l.ended
}

// Finishes records the calls of an OnFinish option.
type Finishes struct {
	mu   sync.Mutex
	errs []error
}

// Option returns the option, for one call.
func (f *Finishes) Option() grpc.CallOption {
	return grpc.OnFinish(func(err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.errs = append(f.errs, err)
	})
}

// All returns the errors of the calls so far.
func (f *Finishes) All() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]error(nil), f.errs...)
}
