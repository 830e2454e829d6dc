package connections_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// relay answers every call with what its own client's call to the backend came to, put
// into the words of the gateway.
func relay(backend *grpc.ClientConn, words func(error) error) grpctest.UnaryHandler {
	return func(ctx context.Context, _ int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		out, err := testpb.NewTestServiceClient(backend).UnaryCall(ctx, in)
		if err != nil {
			return nil, words(err)
		}
		return out, nil
	}
}

// TestGateway_placesAnOrderOnce: a gateway and its backend, which takes the order and
// dies. What the gateway then says of its own connection is no word of the backend.
func TestGateway_placesAnOrderOnce(t *testing.T) {
	for name, words := range map[string]func(error) error{
		"as it is": func(err error) error { return err },
		"in words of its own": func(err error) error {
			return status.Errorf(grpccodes.Unavailable, "orders: backend: %v", err)
		},
		"as a quota": func(err error) error { return status.Error(grpccodes.ResourceExhausted, status.Convert(err).Message()) },
	} {
		for said, opt := range map[string]interceptor.CallOption{
			"nothing": {}, "NotRepeatable": interceptor.NotRepeatable(), "TrustUnavailable": interceptor.NotRepeatable(interceptor.TrustUnavailable()),
		} {
			t.Run(name+", said: "+said, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var orders atomic.Int64
					var o *grpctest.Outage
					o = &grpctest.Outage{Service: &grpctest.Server{Unary: func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
						orders.Add(1)
						go func() {
							o.Stop()
							o.Start()
						}()
						<-ctx.Done()
						return nil, ctx.Err()
					}}}
					o.Start()
					gateway := &grpctest.Server{Unary: relay(o.Connect(t), words)}
					conn := grpctest.Serve(t, gateway, retrytest.DialOptions(opt)...)
					_, err := grpctest.CallUnary(t.Context(), conn)
					synctest.Wait() // until the backend was replaced
					if err == nil || orders.Load() != 1 {
						t.Errorf("got %v and %d orders, want a failure and one", err, orders.Load())
					}
				})
			})
		}
	}
}

// TestGateway_relaysTextsOfStreams: without evidence, and where call options are dropped,
// a text that says that nothing ran may be another client's.
func TestGateway_relaysTextsOfStreams(t *testing.T) {
	drops := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, _ ...grpc.CallOption) error {
		return invoker(ctx, method, req, reply, cc)
	}
	for name, opts := range map[string][]grpc.DialOption{
		"without evidence":          retrytest.DialOptions(interceptor.NotRepeatable(), interceptor.WithoutEvidence()),
		"where options are dropped": append(retrytest.DialOptions(interceptor.NotRepeatable()), grpc.WithChainUnaryInterceptor(drops)),
		"with evidence":             retrytest.DialOptions(interceptor.NotRepeatable()),
	} {
		for _, relayed := range []error{
			status.Error(grpccodes.Unavailable, "stream terminated by RST_STREAM with error code: REFUSED_STREAM"),
			status.Error(grpccodes.Unavailable, "the connection is draining"),
			status.Error(grpccodes.Unauthenticated, "transport: per-RPC creds failed due to error: dial tcp: i/o timeout"),
			status.Error(grpccodes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 10.0.0.1:80: connect: connection refused"`),
			status.Error(grpccodes.Unavailable, `connection error: desc = "transport: authentication handshake failed: EOF"`),
		} {
			t.Run(name+", "+status.Convert(relayed).Message(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &grpctest.Server{Unary: grpctest.RefuseAlways(relayed)} // after it has placed an order
					_, err := grpctest.CallUnary(t.Context(), grpctest.Serve(t, s, opts...))
					if err == nil || s.Attempts() != 1 {
						t.Errorf("got %v and %d orders, want a failure and one", err, s.Attempts())
					}
				})
			})
		}
	}
}

// TestNotRepeatable_proof: what proves that nothing ran, to a call that must not run
// twice.
func TestNotRepeatable_proof(t *testing.T) {
	quota := func(service string) error {
		return grpctest.RefusedWith(t, "Quota exceeded.",
			&errdetails.ErrorInfo{Reason: "RATE_LIMIT_EXCEEDED", Domain: "example.com", Metadata: map[string]string{"service": service}},
			&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: "OrdersPerMinute"}}})
	}
	const envoy = "upstream connect error or disconnect/reset before headers. "
	for _, tc := range []struct {
		name     string
		err      error
		pushback string
		want     bool
	}{
		{"UNAVAILABLE", grpctest.ErrOverloaded, "", false},
		{"a pushback of zero", grpctest.ErrOverloaded, "0", true},
		{"a pushback", grpctest.ErrOverloaded, "700", true},
		{"a pushback that says stop", grpctest.ErrOverloaded, "-1", false},
		{"a bare quota", status.Error(grpccodes.ResourceExhausted, "Quota exceeded."), "", false},
		{"a quota of the service that was called", quota("grpc.testing.TestService"), "", true},
		{"a quota from further down", quota("payments.example.com"), "", false},
		{"a proxy that got no connection", status.Error(grpccodes.Unavailable, envoy+"reset reason: connection failure"), "", true},
		{"a proxy that tried before", status.Error(grpccodes.Unavailable, envoy+"retried and the latest reset reason: connection failure"), "", false},
		{"a proxy whose upstream went away", status.Error(grpccodes.Unavailable, envoy+"reset reason: connection termination"), "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &grpctest.Server{Unary: func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
					if n > 1 {
						return &testpb.SimpleResponse{}, nil
					}
					if tc.pushback != "" {
						_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", tc.pushback))
					}
					return nil, tc.err
				}}
				_, err := grpctest.CallUnary(t.Context(), grpctest.Serve(t, s, retrytest.DialOptions(interceptor.NotRepeatable())...))
				if got := err == nil && s.Attempts() == 2; got != tc.want {
					t.Errorf("got %v after %d attempts, want retried %v", err, s.Attempts(), tc.want)
				}
			})
		})
	}
}
