package interceptor_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"

	"github.com/reinvoke/reinvoke/interceptor"
)

// attempt is what an interceptor on the right sees of an attempt.
type attempt struct {
	ctx    context.Context
	opts   []grpc.CallOption
	stream grpc.ClientStream
	err    error // of the streamer
}

// attempts watches the attempts of a connection from the right.
type attempts struct {
	mu   sync.Mutex
	seen []*attempt
}

// intercept is the interceptor.
func (a *attempts) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, cc, method, opts...)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, &attempt{ctx, opts, stream, err})
	return stream, err
}

// all returns the attempts so far.
func (a *attempts) all() []*attempt {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*attempt(nil), a.seen...)
}

// ledger is a stats.Handler that counts the attempts of a client which have
// begun and ended.
type ledger struct {
	mu           sync.Mutex
	begun, ended int
}

func (l *ledger) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (l *ledger) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (l *ledger) HandleConn(context.Context, stats.ConnStats)                       {}

func (l *ledger) HandleRPC(_ context.Context, s stats.RPCStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch s.(type) {
	case *stats.Begin:
		l.begun++
	case *stats.End:
		l.ended++
	}
}

// counts returns how many attempts have begun and ended.
func (l *ledger) counts() (begun, ended int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun, l.ended
}

// finishes records the calls of an OnFinish option.
type finishes struct {
	mu   sync.Mutex
	errs []error
}

func (f *finishes) option() grpc.CallOption {
	return grpc.OnFinish(func(err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.errs = append(f.errs, err)
	})
}

// all returns the errors of the calls so far.
func (f *finishes) all() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]error(nil), f.errs...)
}

// tape records what each attempt is asked to send, from the right.
type tape struct {
	mu  sync.Mutex
	ops [][]string // of each attempt
}

func (t *tape) intercept(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, cc, method, opts...)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ops = append(t.ops, nil)
	return &taped{ClientStream: stream, t: t, n: len(t.ops) - 1}, nil
}

func (t *tape) note(n int, op string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ops[n] = append(t.ops[n], op)
}

// all returns what was recorded.
func (t *tape) all() [][]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([][]string(nil), t.ops...)
}

type taped struct {
	grpc.ClientStream
	t *tape
	n int
}

func (s *taped) SendMsg(m any) error {
	body := "?"
	if m, ok := m.(*testpb.StreamingOutputCallRequest); ok {
		body = string(m.GetPayload().GetBody())
	}
	s.t.note(s.n, "send "+body)
	return s.ClientStream.SendMsg(m)
}

func (s *taped) CloseSend() error {
	s.t.note(s.n, "close")
	return s.ClientStream.CloseSend()
}

// lines is a logger that keeps what it is told.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) option() interceptor.Option {
	return interceptor.WithLogger(logging.LoggerFunc(func(_ context.Context, level logging.Level, msg string, _ ...any) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.all = append(l.all, fmt.Sprintf("%s %s", slog.Level(level), msg))
	}))
}

// text returns all lines.
func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}
