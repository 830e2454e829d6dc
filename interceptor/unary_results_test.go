package interceptor_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

func TestUnary_onFinishIsCalledOnceWithTheFinalError(t *testing.T) {
	for name, failures := range map[string]int{
		"a call that succeeds at once": 0,
		"a call that recovers":         2,
		"a call that fails for good":   100,
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseFirst(failures, grpctest.ErrOverloaded)}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				var first, second []error
				_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{},
					grpc.OnFinish(func(err error) { first = append(first, err) }),
					interceptor.MaxRetries(3),
					grpc.OnFinish(func(err error) { second = append(second, err) }))
				synctest.Wait()
				if (err != nil) != (failures == 100) {
					t.Fatalf("got %v after %d failures", err, failures)
				}
				for _, got := range [][]error{first, second} {
					if len(got) != 1 || got[0] != err { //nolint:errorlint // the same error, not one like it
						t.Errorf("OnFinish was called with %v, want once with %v", got, err)
					}
				}
			})
		})
	}
}

func TestUnary_headerTrailerAndPeerAreThoseOfTheLastAttempt(t *testing.T) {
	for name, failures := range map[string]int{"a call that recovers": 2, "a call that fails for good": 100} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: func(ctx context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				_ = grpc.SendHeader(ctx, metadata.Pairs("attempt", strconv.Itoa(n), "header-of-"+strconv.Itoa(n), "x"))
				_ = grpc.SetTrailer(ctx, metadata.Pairs("attempt", strconv.Itoa(n), "trailer-of-"+strconv.Itoa(n), "x"))
				return grpctest.RefuseFirst(failures, grpctest.ErrOverloaded)(ctx, n, in)
			}}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				var header, trailer metadata.MD
				var from peer.Peer
				_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from))
				last := strconv.Itoa(s.Attempts())
				want := metadata.Pairs("attempt", last, "header-of-"+last, "x", "content-type", "application/grpc")
				if diff := cmp.Diff(want, header); diff != "" {
					t.Errorf("header (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(metadata.Pairs("attempt", last, "trailer-of-"+last, "x"), trailer); diff != "" {
					t.Errorf("trailer (-want +got):\n%s", diff)
				}
				if from.Addr == nil {
					t.Error("no peer")
				}
			}, interceptor.Repeatable())
		})
	}
}

func TestUnary_headerTrailerAndPeerAreEmptyIfTheLastAttemptHadNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &grpctest.Outage{Service: &grpctest.Server{Unary: func(ctx context.Context, _ int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			_ = grpc.SendHeader(ctx, metadata.Pairs("stale", "header"))
			_ = grpc.SetTrailer(ctx, metadata.Pairs("stale", "trailer"))
			return nil, grpctest.ErrOverloaded
		}}}
		o.Start()
		conn := o.Connect(t, retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithPolicy(codes.Network, policy.Policy{}))...)
		time.AfterFunc(time.Second, o.Stop) // during the first wait
		var header, trailer metadata.MD
		var from peer.Peer
		_, err := grpctest.CallUnary(t.Context(), conn, grpc.Header(&header), grpc.Trailer(&trailer), grpc.Peer(&from))
		if f := interceptor.FailureOf(err); f.Reach != codes.Unsent || o.Service.Attempts() != 1 {
			t.Fatalf("got %v with %d attempts at the server, want the last one of two unsent", err, o.Service.Attempts())
		}
		if header != nil || trailer != nil || from.Addr != nil || from.AuthInfo != nil || from.LocalAddr != nil {
			t.Errorf("got header %v, trailer %v, peer %v, want nothing of the attempt before", header, trailer, from)
		}
	})
}

func TestUnary_callersOptionsAreLeftAlone(t *testing.T) {
	for name, failures := range map[string]int{
		"a call that succeeds at once": 0,
		"a call that recovers":         2,
		"a call that fails for good":   100,
	} {
		for _, variant := range []string{"with evidence", "without evidence", "with an observer"} {
			t.Run(name+", "+variant, func(t *testing.T) {
				var options []interceptor.Option
				switch variant {
				case "without evidence":
					options = append(options, interceptor.WithoutEvidence())
				case "with an observer":
					options = append(options, interceptor.WithObserver(func(context.Context, interceptor.Event) {}))
				}
				var header, trailer, beyond metadata.MD
				shared := make([]grpc.CallOption, 8)
				for i := range shared {
					shared[i] = grpc.Trailer(&beyond) // someone else's, behind the end of the caller's
				}
				shared[0], shared[1], shared[2] = grpc.Header(&header), grpc.Trailer(&trailer), interceptor.MaxRetries(3)
				before := append([]grpc.CallOption(nil), shared...)
				s := &grpctest.Server{Unary: grpctest.RefuseFirst(failures, grpctest.ErrOverloaded)}
				synctest.Test(t, func(t *testing.T) {
					conn := grpctest.Serve(t, s, retrytest.DialOptions(append(options, interceptor.Repeatable())...)...)
					// Generated clients copy the options; Invoke hands them on.
					err := conn.Invoke(t.Context(), grpctest.UnaryMethod, &testpb.SimpleRequest{}, &testpb.SimpleResponse{}, shared[:3]...)
					if (err != nil) != (failures == 100) {
						t.Fatalf("got %v after %d failures", err, failures)
					}
					for i := range shared {
						if shared[i] != before[i] {
							t.Errorf("option %d is now %#v, want %#v", i, shared[i], before[i])
						}
					}
				})
			})
		}
	}
}

func TestUnary_callersMetadataAndRequestAreLeftAlone(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(3, grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		backing := [4]string{"value"}
		md := metadata.MD{"key": backing[:1]}
		wantMD := md.Copy()
		ctx := metadata.AppendToOutgoingContext(metadata.NewOutgoingContext(t.Context(), md), "added", "later")
		request := &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte("body")}, FillUsername: true}
		wantRequest := proto.Clone(request)
		if _, err := client.UnaryCall(ctx, request); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantMD, md); diff != "" {
			t.Errorf("metadata (-want +got):\n%s", diff)
		}
		if backing != [4]string{"value"} {
			t.Errorf("metadata was appended into: %q", backing)
		}
		if diff := cmp.Diff(wantRequest, request, protocmp.Transform()); diff != "" {
			t.Errorf("request (-want +got):\n%s", diff)
		}
		sent, _ := metadata.FromOutgoingContext(ctx)
		if diff := cmp.Diff(metadata.Pairs("key", "value", "added", "later"), sent); diff != "" {
			t.Errorf("outgoing metadata of the caller's context (-want +got):\n%s", diff)
		}
		for n, md := range s.Metadata() {
			if diff := cmp.Diff([]string{"value", "later"}, append(md.Get("key"), md.Get("added")...)); diff != "" {
				t.Errorf("attempt %d was sent (-want +got):\n%s", n+1, diff)
			}
		}
	}, interceptor.Repeatable())
}

func TestUnary_retriesTellTheServerHowManyAttemptsCameBefore(t *testing.T) {
	type key struct{}
	for name, outgoing := range map[string]metadata.MD{
		"without metadata of the caller": nil,
		"with metadata of the caller":    metadata.Pairs("k", "v"),
	} {
		t.Run(name, func(t *testing.T) {
			const retries = 11 // more than are prepared in advance
			s := &grpctest.Server{Unary: grpctest.RefuseFirst(retries, grpctest.ErrOverloaded)}
			synctest.Test(t, func(t *testing.T) {
				var values []string
				within := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
					_, deadline := ctx.Deadline()
					values = append(values, fmt.Sprintf("%v %t", ctx.Value(key{}), deadline))
					return invoker(ctx, method, req, reply, cc, opts...)
				}
				conn := grpctest.Serve(t, s, append(retrytest.DialOptions(interceptor.WithTable(retrytest.AtOnce(retries)), interceptor.Repeatable()),
					grpc.WithChainUnaryInterceptor(within))...)
				ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "of the caller"), time.Hour)
				defer cancel()
				if outgoing != nil {
					ctx = metadata.NewOutgoingContext(ctx, outgoing)
				}
				if _, err := grpctest.CallUnary(ctx, conn); err != nil {
					t.Fatal(err)
				}
				for n, md := range s.Metadata() {
					var want []string
					if n > 0 {
						want = []string{strconv.Itoa(n)}
					}
					if diff := cmp.Diff(want, md.Get("grpc-previous-rpc-attempts")); diff != "" {
						t.Errorf("attempt %d (-want +got):\n%s", n+1, diff)
					}
					if diff := cmp.Diff(outgoing.Get("k"), md.Get("k")); diff != "" {
						t.Errorf("metadata of the caller, attempt %d (-want +got):\n%s", n+1, diff)
					}
					if values[n] != "of the caller true" {
						t.Errorf("attempt %d has the value and deadline %q", n+1, values[n])
					}
				}
			})
		})
	}
}

func TestUnary_aRightHandInterceptorsFailureIsRetriedLikeAnAttempt(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}
	synctest.Test(t, func(t *testing.T) {
		var tries int
		tokens := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if tries++; tries <= 2 {
				return status.Error(grpccodes.Unavailable, "no token yet")
			}
			return invoker(ctx, method, req, reply, cc, opts...)
		}
		conn := grpctest.Serve(t, s, append(retrytest.DialOptions(), grpc.WithChainUnaryInterceptor(tokens))...)
		tries = 2 // the first call succeeds, so that trailers are known to arrive
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		tries = 0
		var err error
		got := grpctest.Took(func() { _, err = grpctest.CallUnary(t.Context(), conn) })
		if err != nil || tries != 3 || got != 3*time.Second { // never sent, hence Network: 1 s, 2 s
			t.Errorf("got %v after %d tries and %v, want success after 3 tries and 3s", err, tries, got)
		}
	})
}
