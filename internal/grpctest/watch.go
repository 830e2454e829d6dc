package grpctest

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// Attempt is the context and the stream of an attempt.
type Attempt struct {
	Ctx    context.Context
	Stream grpc.ClientStream
}

// Attempts records the attempts of a connection, as an interceptor to the right of the
// tested interceptor.
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

// Ledger is a stats.Handler counting the begun and the ended attempts of a client.
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

// HandleRPC counts the beginning or the end of an attempt.
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

// Counts returns the numbers of begun and of ended attempts.
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
