package interceptor_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestOptions_ofOneCallAreCheckedTogether: what one option alone would make
// invalid, another one of the same call may make right.
func TestOptions_ofOneCallAreCheckedTogether(t *testing.T) {
	row := func(retries int) interceptor.CallOption {
		return interceptor.WithPolicy(codes.Server, policy.Policy{Retries: retries})
	}
	type options = []interceptor.CallOption
	table, most, two := interceptor.WithTable(policy.Default()), interceptor.MaxRetries, interceptor.WithLimits(policy.Limits{MaxAttempts: 2})
	for _, tt := range []struct {
		name       string
		connection interceptor.Option
		call       options
		attempts   int // none where the call is refused
	}{
		{"a table and MaxRetries", nil, options{table, most(1)}, 2},
		{"MaxRetries and a table", nil, options{most(1), table}, 2},
		{"a row and MaxRetries", nil, options{row(3), most(1)}, 2},
		{"MaxRetries and a row", nil, options{most(1), row(3)}, 2},
		{"a small table and limits", nil, options{interceptor.WithTable(retrytest.AtOnce(1)), two}, 2},
		{"limits and a small table", nil, options{two, interceptor.WithTable(retrytest.AtOnce(1))}, 2},
		{"MaxRetries and limits", nil, options{most(1), two}, 2},
		{"limits that cut the table", nil, options{two, interceptor.WithTable(retrytest.AtOnce(2))}, 0},
		{"limits that cut the connection's table", nil, options{two}, 0},
		{"limits that cut what MaxRetries leaves", nil, options{most(2), two}, 0},
		{"a row above the default limit, MaxRetries of the connection above both", most(20), options{row(10)}, 11},
		{"a row above MaxRetries of the connection", most(2), options{row(10)}, 3},
		{"a table above MaxRetries of the connection", most(2), options{table}, 3},
		{"MaxRetries above that of the connection", most(1), options{most(3)}, 4},
		{"MaxRetries above that of the connection, and a row", most(1), options{row(5), most(5)}, 6},
		{"the last MaxRetries of several", nil, options{most(1), most(2)}, 3},
	} {
		for kind, invoke := range map[string]func(t *testing.T, r *interceptor.Retrier, conn *grpc.ClientConn) error{
			"unary": func(t *testing.T, _ *interceptor.Retrier, conn *grpc.ClientConn) error {
				_, err := grpctest.CallUnary(t.Context(), conn, asGRPC(tt.call)...)
				return err
			},
			"stream": func(t *testing.T, _ *interceptor.Retrier, conn *grpc.ClientConn) error {
				stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), grpctest.Ask(""), asGRPC(tt.call)...)
				if err == nil {
					_, err = stream.Recv()
				}
				return err
			},
			"function": func(t *testing.T, r *interceptor.Retrier, conn *grpc.ClientConn) error {
				return r.Do(t.Context(), "f", func(ctx context.Context) error {
					_, err := grpctest.CallUnary(ctx, conn, interceptor.Disable())
					return err
				}, tt.call...)
			},
		} {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded), Stream: grpctest.FailFirst(slices.Repeat([]error{grpctest.ErrOverloaded}, 20))}
				synctest.Test(t, func(t *testing.T) {
					r := interceptor.New(interceptor.WithRand(retrytest.NoSpread), tt.connection)
					want := grpccodes.Unavailable
					if tt.attempts == 0 {
						want = grpccodes.InvalidArgument
					}
					err := invoke(t, r, grpctest.Serve(t, s, r.DialOptions()...))
					if status.Code(err) != want || s.Attempts() != tt.attempts {
						t.Errorf("got %v after %d attempts, want %v after %d", err, s.Attempts(), want, tt.attempts)
					}
				})
			})
		}
	}
}

// asGRPC returns the options as grpc takes them.
func asGRPC(opts []interceptor.CallOption) (all []grpc.CallOption) {
	for _, o := range opts {
		all = append(all, o)
	}
	return all
}
