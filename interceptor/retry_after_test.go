package interceptor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestRetryAfter_isWaitedFor: what a server says in its metadata, as qdrant does.
func TestRetryAfter_isWaitedFor(t *testing.T) {
	for _, tc := range []struct {
		name    string
		code    grpccodes.Code
		trailer metadata.MD
		header  metadata.MD // of streams
		want    time.Duration
	}{
		{"a quota", grpccodes.ResourceExhausted, metadata.Pairs("retry-after", "27"), nil, 27 * time.Second},
		{"a quota, in milliseconds", grpccodes.ResourceExhausted, metadata.Pairs("retry-after-ms", "1500"), nil, 1500 * time.Millisecond},
		{"a server in trouble", grpccodes.Unavailable, metadata.Pairs("retry-after", "10"), nil, 10 * time.Second},
		{"a server that is long in trouble", grpccodes.Unavailable, metadata.Pairs("retry-after", "3600"), nil, 30 * time.Second},
		{"what is malformed is ignored", grpccodes.Unavailable, metadata.Pairs("retry-after", "soon"), nil, 2 * time.Second},
		{"in the header of a stream", grpccodes.Unavailable, nil, metadata.Pairs("retry-after", "10"), 10 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &grpctest.Server{
				Unary: func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
					if n > 1 {
						return &testpb.SimpleResponse{}, nil
					}
					return nil, errors.Join(grpc.SetTrailer(ctx, tc.trailer), status.Error(tc.code, "later"))
				},
				Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
					if n > 1 {
						return out.Send(&testpb.StreamingOutputCallResponse{})
					}
					out.SetTrailer(tc.trailer)
					if tc.header != nil {
						return errors.Join(out.SendHeader(tc.header), status.Error(tc.code, "later"))
					}
					return status.Error(tc.code, "later")
				},
			}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				if tc.header == nil { // a unary call has none at hand
					if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil {
						t.Fatal(err)
					}
					if got := s.Gaps()[0]; got != tc.want {
						t.Errorf("a unary call: waited %v, want %v", got, tc.want)
					}
				}
				s.Reset()
				stream, err := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := stream.Recv(); err != nil {
					t.Fatal(err)
				}
				gaps := s.Gaps()
				if got := gaps[len(gaps)-1]; got != tc.want {
					t.Errorf("a stream: waited %v, want %v", got, tc.want)
				}
			}, interceptor.Repeatable())
		})
	}
}

// TestRetryAfter_tellsTheCaller: also where the call is not retried.
func TestRetryAfter_tellsTheCaller(t *testing.T) {
	s := &grpctest.Server{Unary: func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
		return nil, errors.Join(grpc.SetTrailer(ctx, metadata.Pairs("retry-after", "10")), status.Error(grpccodes.Unavailable, "later"))
	}}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if after, ok := interceptor.RetryAfter(err); after != 10*time.Second || !ok {
			t.Errorf("%v, %v after %v; want 10s", after, ok, err)
		}
	}, interceptor.Repeatable(), interceptor.MaxRetries(1))
}

// TestCredentials_ofAMachineThatHasJustStarted: the metadata server may not know it yet.
func TestCredentials_ofAMachineThatHasJustStarted(t *testing.T) {
	for name, age := range map[string]time.Duration{"at once": 0, "after a minute": time.Minute} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				creds := &unknown{failures: 1}
				s := &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}
				conn := grpctest.Serve(t, s, append(retrytest.DialOptions(interceptor.NotRepeatable()), grpc.WithPerRPCCredentials(creds))...)
				time.Sleep(age)
				_, err := grpctest.CallUnary(t.Context(), conn)
				if want := age < time.Minute; (err == nil) != want {
					t.Errorf("got %v, want retried %v", err, want)
				}
			})
		})
	}
}

// unknown are credentials of a machine that its metadata server does not know so often.
type unknown struct{ failures int }

func (u *unknown) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if u.failures--; u.failures >= 0 {
		return nil, errors.New("credentials: cannot fetch token: compute: Received 404 `not found`")
	}
	return map[string]string{}, nil
}

func (*unknown) RequireTransportSecurity() bool { return false }
