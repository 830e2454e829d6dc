package codes_test

import (
	"context"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// The tests named TestEvidence prove what package codes believes about
// evidence and texts against real connections on loopback.

// busy is what an overloaded server says.
func busy() error { return status.Error(grpccodes.Unavailable, "The model is overloaded.") }

// first returns the first error that is not nil. errors.Join would not do: the
// server would send the text of both.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// failing is a service that answers everything with the error, before which
// it sends headers if told to.
func failing(err error, headers bool) *service {
	md := metadata.Pairs("x-served-by", "test")
	return &service{
		check: func(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
			if headers {
				return nil, first(grpc.SendHeader(ctx, md), err)
			}
			return nil, err
		},
		watch: func(stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
			if headers {
				return first(stream.SendHeader(md), err)
			}
			return err
		},
	}
}

func TestEvidence_connectionRefused(t *testing.T) {
	lis := listen(t)
	addr := lis.Addr().String()
	if err := lis.Close(); err != nil {
		t.Fatal(err)
	}
	dial(t, addr).both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Unsent, "connection-failed"})
}

func TestEvidence_noAddresses(t *testing.T) {
	r := manual.NewBuilderWithScheme("passthrough")
	r.InitialState(resolver.State{})
	c := dial(t, "", grpc.WithResolvers(r))
	c.both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Unsent, "connection-failed"})
}

func TestEvidence_statusOfTheServer(t *testing.T) {
	detailed, err := status.New(grpccodes.Unavailable, "The model is overloaded.").
		WithDetails(&errdetails.DebugInfo{Detail: "anything"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		err     error
		headers bool
		reach   codes.Reach
	}{
		{"trailers-only is the server's word", busy(), false, codes.Answered},
		{"trailers-only with details is the server's word", detailed.Err(), false, codes.Answered},
		{"a status after headers looks like a cut connection", busy(), true, codes.Lost},
		{"a status after headers with details can only be the server's", detailed.Err(), true, codes.Answered},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, addr := serve(t, failing(tc.err, tc.headers))
			dial(t, addr).both(t, verdict{grpccodes.Unavailable, codes.Server, tc.reach, "overloaded"})
		})
	}
}

func TestEvidence_trailerAfterHeaders(t *testing.T) {
	md := metadata.Pairs("x-server-load", "0.9")
	_, addr := serve(t, &service{
		check: func(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
			return nil, first(grpc.SendHeader(ctx, md), grpc.SetTrailer(ctx, md), busy())
		},
		watch: func(stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
			defer stream.SetTrailer(md)
			return first(stream.SendHeader(md), busy())
		},
	})
	dial(t, addr).both(t, verdict{grpccodes.Unavailable, codes.Server, codes.Answered, "overloaded"})
}

func TestEvidence_pushback(t *testing.T) {
	md := metadata.Pairs("grpc-retry-pushback-ms", "250")
	_, addr := serve(t, &service{
		check: func(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
			return nil, first(grpc.SetTrailer(ctx, md), busy())
		},
	})
	f := dial(t, addr).check(t)
	if want := (codes.Pushback{Set: true, Delay: 250e6}); f.Pushback != want {
		t.Errorf("pushback %+v, want %+v", f.Pushback, want)
	}
}

func TestEvidence_afterTheFirstMessage(t *testing.T) {
	_, addr := serve(t, &service{watch: func(stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
		return first(stream.Send(&healthpb.HealthCheckResponse{}), busy())
	}})
	expect(t, dial(t, addr).watch(t), verdict{grpccodes.Unavailable, codes.Server, codes.Lost, "overloaded"})
}

func TestEvidence_serverStoppedBeforeTheCall(t *testing.T) {
	srv, addr := serve(t, failing(busy(), false))
	c := dial(t, addr)
	c.connect(t)
	srv.Stop()
	c.waitFor(t, func(s connectivity.State) bool { return s != connectivity.Ready })
	c.both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Unsent, "connection-failed"})
}

func TestEvidence_serverStoppedDuringTheCall(t *testing.T) {
	for _, how := range []string{"unary", "stream", "stream after a message"} {
		t.Run(how, func(t *testing.T) {
			entered := make(chan struct{})
			srv, addr := serve(t, &service{
				check: func(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
					close(entered)
					<-ctx.Done()
					return nil, ctx.Err()
				},
				watch: func(stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
					if how != "stream" {
						if err := stream.Send(&healthpb.HealthCheckResponse{}); err != nil {
							return err
						}
					}
					close(entered)
					<-stream.Context().Done()
					return stream.Context().Err()
				},
			})
			c := dial(t, addr)
			go func() {
				<-entered
				srv.Stop()
			}()
			want := verdict{grpccodes.Unavailable, codes.Network, codes.Lost, "connection-failed"}
			if how == "unary" {
				expect(t, c.check(t), want)
			} else {
				expect(t, c.watch(t), want)
			}
		})
	}
}

func TestEvidence_connectionClosedByTheCaller(t *testing.T) {
	entered := make(chan struct{}, 1)
	_, addr := serve(t, &service{
		check: func(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
			entered <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		},
		watch: func(stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
			entered <- struct{}{}
			<-stream.Context().Done()
			return stream.Context().Err()
		},
	})
	want := verdict{grpccodes.Canceled, codes.Ended, codes.Lost, "connection-closed-by-caller"}
	for how, call := range map[string]func(*client, *testing.T, ...grpc.CallOption) codes.Failure{
		"unary": (*client).check, "stream": (*client).watch,
	} {
		t.Run(how+" during the call", func(t *testing.T) {
			c := dial(t, addr)
			go func() {
				<-entered
				_ = c.conn.Close()
			}()
			expect(t, call(c, t), want)
		})
	}
	t.Run("before the call", func(t *testing.T) {
		c := dial(t, addr)
		if err := c.conn.Close(); err != nil {
			t.Fatal(err)
		}
		want := want
		want.Reach = codes.Unsent
		c.both(t, want)
	})
}

func TestEvidence_callerGone(t *testing.T) {
	entered := make(chan struct{})
	_, addr := serve(t, &service{
		check: func(ctx context.Context, _ *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
			close(entered)
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	c := dial(t, addr)
	ctx, cancel := context.WithCancel(patience(t))
	go func() {
		<-entered
		cancel()
	}()
	_, err := c.health.Check(ctx, &healthpb.HealthCheckRequest{})
	expect(t, c.classify(t, err), verdict{grpccodes.Canceled, codes.Ended, codes.Lost, "caller-done"})
}

// TestClassify_doubtful: as long as trailers may have been withheld, a missing
// one says nothing, and no text does either: a server may relay it.
func TestClassify_doubtful(t *testing.T) {
	doubtful := codes.Evidence{Watched: true, Doubtful: true}
	for _, message := range []string{
		"it may have run",
		`connection error: desc = "transport: Error while dialing: connection refused"`,
		"name resolver error: produced zero addresses",
		"error reading from server: EOF",
		rst + "REFUSED_STREAM",
		"the connection is draining",
	} {
		if f := codes.Classify(status.Error(grpccodes.Unavailable, message), doubtful); f.Reach != codes.Lost {
			t.Errorf("%s: reach %v, want Lost", message, f.Reach)
		}
	}
	sent := codes.Evidence{Watched: true, Stream: true}
	if f := codes.Classify(status.Error(grpccodes.Unavailable, "last connection error: gone"), sent); f.Reach != codes.Lost {
		t.Errorf("after a stream: reach %v, want Lost", f.Reach)
	}
}
