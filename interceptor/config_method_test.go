package interceptor_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
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
	"github.com/reinvoke/reinvoke/policy"
)

// with returns the default configuration with a section for all methods.
func with(m policy.Method) policy.Config {
	m.Pattern = "/*"
	c := policy.DefaultConfig()
	c.Methods = []policy.Method{m}
	return c
}

// fixedAndFollowed runs f with a configuration that is fixed, and with one that is followed.
func fixedAndFollowed(t *testing.T, c policy.Config, f func(t *testing.T, o interceptor.Option)) {
	t.Helper()
	t.Run("fixed", func(t *testing.T) { f(t, interceptor.WithConfig(c)) })
	t.Run("followed", func(t *testing.T) {
		live, err := policy.NewLive(policy.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		o := interceptor.WithLive(live)
		if err := live.Store(c); err != nil {
			t.Fatal(err)
		}
		f(t, o)
	})
}

// TestConfig_timeoutBoundsTheCall: attempts and waits together, and the server is
// told, as with a deadline of the caller's own.
func TestConfig_timeoutBoundsTheCall(t *testing.T) {
	fixedAndFollowed(t, with(policy.Method{Timeout: 5 * time.Second, Repeatable: new(true)}), func(t *testing.T, o interceptor.Option) {
		var told atomic.Int64
		s := &grpctest.Server{
			Unary: func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				deadline, _ := ctx.Deadline()
				told.Store(int64(time.Until(deadline)))
				if n == 1 {
					return nil, grpctest.ErrOverloaded
				}
				<-ctx.Done()
				return nil, ctx.Err()
			},
			Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
				_ = out.Send(grpctest.Chunk("one"))
				<-out.Context().Done()
				return out.Context().Err()
			},
		}
		retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
			began := time.Now()
			_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
			if took := time.Since(began); took != 5*time.Second || status.Code(err) != grpccodes.DeadlineExceeded {
				t.Errorf("it took %v and ended with %v, want 5s and DeadlineExceeded", took, err)
			}
			if left := time.Duration(told.Load()); left != 3*time.Second {
				t.Errorf("the second attempt had %v left, want 3s", left)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began = time.Now()
			if _, err := client.UnaryCall(ctx, &testpb.SimpleRequest{}); time.Since(began) != time.Second {
				t.Errorf("it took %v and ended with %v, want the 1s of its own context", time.Since(began), err)
			}
			began = time.Now()
			stream, err := client.StreamingOutputCall(t.Context(), grpctest.Ask("x"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); status.Code(err) != grpccodes.DeadlineExceeded || time.Since(began) != 5*time.Second {
				t.Errorf("the stream ended with %v after %v, want DeadlineExceeded after 5s", err, time.Since(began))
			}
		}, o)
	})
}

// TestConfig_timeoutIsReleased: nothing of it stays behind a stream that ends,
// however it does.
func TestConfig_timeoutIsReleased(t *testing.T) {
	for name, h := range map[string]grpctest.StreamHandler{
		"with an answer":        grpctest.FailFirst(nil, "a", "b"),
		"after a retry":         grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "a"),
		"with nothing":          grpctest.FailFirst(nil),
		"with an error":         grpctest.FailFirst([]error{status.Error(grpccodes.InvalidArgument, "no")}),
		"with an error at last": grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded}),
		"with an error midway": func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			_ = out.Send(grpctest.Chunk("a"))
			return grpctest.ErrOverloaded
		},
	} {
		t.Run(name, func(t *testing.T) {
			var contexts []context.Context
			retrytest.Setup{
				Options: []interceptor.Option{interceptor.WithConfig(with(policy.Method{Timeout: time.Hour, Repeatable: new(true)}))},
				Right: []grpc.StreamClientInterceptor{
					func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
						contexts = append(contexts, ctx)
						return streamer(ctx, desc, cc, method, opts...)
					},
				},
			}.Run(t, &grpctest.Server{Stream: h}, func(t *testing.T, conn *grpc.ClientConn) {
				stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), grpctest.Ask("x"))
				for err == nil {
					_, err = stream.Recv()
				}
				for i, ctx := range contexts {
					if ctx.Err() == nil {
						t.Errorf("the context of attempt %d goes on", i+1)
					}
				}
			})
		})
	}
}

// TestConfig_waitForReady: attempts wait for a connection where the section says
// so, unless the call itself says otherwise.
func TestConfig_waitForReady(t *testing.T) {
	fixedAndFollowed(t, with(policy.Method{WaitForReady: new(true)}), func(t *testing.T, o interceptor.Option) {
		synctest.Test(t, func(t *testing.T) {
			conn := (&grpctest.Outage{Service: &grpctest.Server{}}).Connect(t, interceptor.DialOptions(o)...)
			client := testpb.NewTestServiceClient(conn)
			for name, tt := range map[string]struct {
				opts []grpc.CallOption
				code grpccodes.Code
			}{
				"the section": {nil, grpccodes.DeadlineExceeded},
				"the call":    {[]grpc.CallOption{grpc.WaitForReady(false), interceptor.Disable()}, grpccodes.Unavailable},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				if _, err := client.UnaryCall(ctx, &testpb.SimpleRequest{}, tt.opts...); status.Code(err) != tt.code {
					t.Errorf("%s: got %v, want %v", name, err, tt.code)
				}
				stream, err := client.StreamingOutputCall(ctx, grpctest.Ask("x"), tt.opts...)
				if err == nil {
					_, err = stream.Recv()
				}
				if status.Code(err) != tt.code {
					t.Errorf("%s: the stream got %v, want %v", name, err, tt.code)
				}
				cancel()
			}
		})
	})
}

// TestConfig_hedge: the section has attempts run beside each other.
func TestConfig_hedge(t *testing.T) {
	section := policy.Method{Hedge: policy.Hedge{Delay: time.Second, Attempts: 2}, Repeatable: new(true)}
	fixedAndFollowed(t, with(section), func(t *testing.T, o interceptor.Option) {
		s := &grpctest.Server{Unary: silentFor(1)}
		retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
			began := time.Now()
			reply, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
			if err != nil || reply.GetUsername() != "answer" || time.Since(began) != time.Second {
				t.Errorf("got %v, %v after %v, want the answer after 1s", reply, err, time.Since(began))
			}
			if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, interceptor.WithHedge(0, 1)); err != nil || s.Attempts() != 3 {
				t.Errorf("got %v, %d attempts, want one attempt more where the call says so", err, s.Attempts())
			}
		}, o)
	})
}

// TestConfig_hedgeOfZeroLeavesTheConnections: a section that says nothing about
// hedging does not switch it off.
func TestConfig_hedgeOfZeroLeavesTheConnections(t *testing.T) {
	s := &grpctest.Server{Unary: silentFor(1)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}); err != nil || s.Attempts() != 2 {
			t.Errorf("got %v, %d attempts, want two", err, s.Attempts())
		}
	}, interceptor.WithConfig(with(policy.Method{Repeatable: new(true)})), interceptor.WithHedge(time.Second, 2))
}

// TestConfig_codes: failures with other codes are not retried, whatever their
// rows say.
func TestConfig_codes(t *testing.T) {
	only := policy.Codes(grpccodes.Unavailable, grpccodes.Aborted)
	fixedAndFollowed(t, with(policy.Method{Codes: only, Repeatable: new(true)}), func(t *testing.T, o interceptor.Option) {
		for code, want := range map[grpccodes.Code]int{
			grpccodes.Unavailable: 2,
			grpccodes.Internal:    1, // its row would allow it
			grpccodes.Aborted:     1, // its row does not
		} {
			s := &grpctest.Server{Unary: func(_ context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				if n == 1 {
					return nil, status.Error(code, "no")
				}
				return &testpb.SimpleResponse{}, nil
			}}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
				if got := s.Attempts(); got != want {
					t.Errorf("%v: %d attempts, want %d", code, got, want)
				}
			}, o)
		}
	})
}

// TestConfig_finishOfATimedStream: OnFinish is told once that the timeout of the
// section has ended the stream, also where no one looks at it again.
func TestConfig_finishOfATimedStream(t *testing.T) {
	s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		<-out.Context().Done()
		return out.Context().Err()
	}}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		var told []error
		_, err := client.StreamingOutputCall(t.Context(), grpctest.Ask("x"), grpc.OnFinish(func(err error) { told = append(told, err) }))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if len(told) != 1 || errors.Is(told[0], io.EOF) || status.Code(told[0]) != grpccodes.DeadlineExceeded {
			t.Errorf("OnFinish was told %v, want DeadlineExceeded once", told)
		}
	}, interceptor.WithConfig(with(policy.Method{Timeout: 3 * time.Second})))
}

// TestConfig_timeoutIsReleasedByCallsThatEndAtOnce: by unary calls, and by streams
// that could not even be opened.
func TestConfig_timeoutIsReleasedByCallsThatEndAtOnce(t *testing.T) {
	var contexts []context.Context
	r := interceptor.New(interceptor.WithConfig(with(policy.Method{Timeout: time.Hour})))
	_ = r.Unary()(t.Context(), grpctest.UnaryMethod, nil, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		contexts = append(contexts, ctx)
		return nil
	})
	_, _ = r.Stream()(t.Context(), grpctest.ServerStream, nil, grpctest.StreamMethod, func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
		contexts = append(contexts, ctx)
		return nil, status.Error(grpccodes.InvalidArgument, "no")
	})
	if len(contexts) != 2 || contexts[0].Err() == nil || contexts[1].Err() == nil {
		t.Errorf("%d attempts, want 2, whose contexts have ended", len(contexts))
	}
}

// TestConfig_finishOfARetriedStream: the options of the call stay with every
// attempt, and OnFinish is told once.
func TestConfig_finishOfARetriedStream(t *testing.T) {
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "a")}
	var told, peers int
	u := retrytest.Setup{
		Options: []interceptor.Option{interceptor.WithConfig(with(policy.Method{WaitForReady: new(true)}))},
		Right: []grpc.StreamClientInterceptor{
			func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				for _, o := range opts {
					if _, ok := o.(grpc.HeaderCallOption); ok {
						peers++
					}
				}
				return streamer(ctx, desc, cc, method, opts...)
			},
		},
	}
	u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		var header metadata.MD
		stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(t.Context(), grpctest.Ask("x"),
			grpc.OnFinish(func(error) { told++ }), grpc.Header(&header))
		for err == nil {
			_, err = stream.Recv()
		}
		if !errors.Is(err, io.EOF) || told != 1 || peers != 2 {
			t.Errorf("got %v, OnFinish told %d times, the header option in %d attempts: want io.EOF, 1 and 2", err, told, peers)
		}
	})
}
