package interceptor_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestLog_saysWhyThereIsNoConnection: half a minute without a server shows why, by
// default: the text is grpc-go's own. What a server says is not shown.
func TestLog_saysWhyThereIsNoConnection(t *testing.T) {
	var log retrytest.Lines
	opts := interceptor.DialOptions(
		interceptor.WithPolicy(codes.Network, policy.Policy{Retries: 1, Base: 1234567 * time.Nanosecond, Max: 2 * time.Millisecond, Multiplier: 1, Jitter: policy.None}),
		interceptor.WithLimits(policy.Limits{MaxElapsed: 5 * time.Millisecond}), log.Option())
	conn, err := grpc.NewClient("passthrough:///127.0.0.1:1", append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...) // nothing listens there
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := grpctest.CallUnary(t.Context(), conn); err == nil {
		t.Fatal("there is a server")
	}
	text := log.Text()
	if !strings.Contains(text, "connection refused") || !strings.Contains(text, "next in 1.23ms") {
		t.Errorf("got %s\nwant why there is no connection, and a wait with three figures", text)
	}

	var quiet retrytest.Lines
	retrytest.Setup{Options: []interceptor.Option{quiet.Option()}}.Run(t, &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}, func(t *testing.T, conn *grpc.ClientConn) {
		_, _ = grpctest.CallUnary(t.Context(), conn)
	})
	if text := quiet.Text(); !strings.Contains(text, "[RETRY]") || strings.Contains(text, "overloaded. Please") {
		t.Errorf("got %s\nwant lines without what the server said", text)
	}
}

// TestLog_ofAConnectionQuotesNobody: what a dialer of the program's own or a proxy says is
// not shown, though it is about a connection.
func TestLog_ofAConnectionQuotesNobody(t *testing.T) {
	var log retrytest.Lines
	opts := interceptor.DialOptions(interceptor.MaxRetries(0), log.Option())
	conn, err := grpc.NewClient("passthrough:///any", append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return nil, errors.New("the tunnel said s3cr3t") }))...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := grpctest.CallUnary(t.Context(), conn); err == nil {
		t.Fatal("there is a server")
	}
	if text := log.Text(); !strings.Contains(text, "[RETRY] Network") || strings.Contains(text, "s3cr3t") {
		t.Errorf("got %s\nwant a line without the dialer's words", text)
	}
}
