package reinvoke_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	grpcinterceptors "github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/selector"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
)

// perAttempt counts what grpc does for each attempt.
type perAttempt struct{ began, tokens atomic.Int32 }

// HandleRPC implements stats.Handler.
func (p *perAttempt) HandleRPC(_ context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.Begin); ok {
		p.began.Add(1)
	}
}

// TagRPC, TagConn and HandleConn implement stats.Handler.
func (*perAttempt) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*perAttempt) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*perAttempt) HandleConn(context.Context, stats.ConnStats)                       {}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (p *perAttempt) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	p.tokens.Add(1)
	return map[string]string{}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (*perAttempt) RequireTransportSecurity() bool { return false }

// TestDocs_eachAttempt: a stats.Handler sees the attempts, and grpc asks per-RPC
// credentials for each.
func TestDocs_eachAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p perAttempt
		server := failing(2, status.Error(grpccodes.Unavailable, "busy"))
		conn := dialClaimed(t, server, append(ours(), grpc.WithStatsHandler(&p), grpc.WithPerRPCCredentials(&p))...)
		if err := check(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		if p.began.Load() != 3 || p.tokens.Load() != 3 {
			t.Errorf("%d attempts were seen, %d times credentials were asked, want 3 of each", p.began.Load(), p.tokens.Load())
		}
	})
}

// TestDocs_selector: go-grpc-middleware's selector chooses the calls to be retried by
// more than the method.
func TestDocs_selector(t *testing.T) {
	type key struct{}
	urgent := selector.MatchFunc(func(ctx context.Context, _ grpcinterceptors.CallMeta) bool { return ctx.Value(key{}) != nil })
	for name, want := range map[string]int{"urgent": 3, "others": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := interceptor.New(interceptor.WithRand(func() float64 { return 0 }))
				server := failing(9, status.Error(grpccodes.Unavailable, "busy"))
				conn := dialClaimed(t, server, grpc.WithDisableRetry(), grpc.WithChainUnaryInterceptor(selector.UnaryClientInterceptor(r.Unary(), urgent)))
				ctx := t.Context()
				if name == "urgent" {
					ctx = context.WithValue(ctx, key{}, true)
				}
				_ = check(ctx, conn)
				if got := len(server.gaps()); got != want {
					t.Errorf("%d retries, want %d", got, want)
				}
			})
		})
	}
}

// TestDocs_elapsed: the elapsed time of the log begins with the end of the first
// attempt.
func TestDocs_elapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		server := &claimed{answer: func(_ context.Context, n int) error {
			time.Sleep(time.Duration(n) * 5 * time.Second)
			return status.Error(grpccodes.Unavailable, "busy")
		}}
		conn := dialClaimed(t, server, ours(interceptor.WithSlog(slog.New(slog.NewTextHandler(&log, nil))))...)
		_ = check(t.Context(), conn, interceptor.MaxRetries(1))
		for _, want := range []string{"retry.attempt=1 retry.wait=2s retry.elapsed=0s", "retry.attempt=2 retry.wait=0s retry.elapsed=12s"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no line says %q:\n%s", want, log.String())
			}
		}
	})
}

// TestDocs_endedWait: the log of a wait that the caller has ended is no warning.
func TestDocs_endedWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		server := failing(9, status.Error(grpccodes.Unavailable, "busy"))
		_ = check(ctx, dialClaimed(t, server, ours(interceptor.WithSlog(slog.New(slog.NewTextHandler(&log, nil))))...))
		if want := `level=INFO msg="[RETRY] Server: ended by the caller after attempt 1`; !strings.Contains(log.String(), want) {
			t.Errorf("no line says %q:\n%s", want, log.String())
		}
	})
}
