package codes_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/codes"
)

// verdict is the part of a failure that the tests against real connections
// look at.
type verdict struct {
	Code  grpccodes.Code
	Class codes.Class
	Reach codes.Reach
	Rule  string
}

func verdictOf(f *codes.Failure) verdict { return verdict{f.Code, f.Class, f.Reach, f.Rule} }

// witness gathers the evidence of the attempts of a connection, as a retry
// interceptor does: a fresh trailer for each unary call, the stream's own
// methods for streams. One call at a time.
type witness struct{ last codes.Evidence }

func (w *witness) unary(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	var trailer metadata.MD // nil until grpc has a stream to take it from
	err := invoke(ctx, method, req, reply, cc, append(slices.Clone(opts), grpc.Trailer(&trailer))...)
	w.last = codes.Evidence{Watched: true, Stream: trailer != nil, Trailer: trailer, Caller: ctx.Err()}
	return err
}

func (w *witness) stream(
	ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, desc, cc, method, opts...)
	w.last = codes.Evidence{Watched: true, Stream: err == nil, Caller: ctx.Err()}
	if err != nil {
		return nil, err
	}
	return &witnessed{ClientStream: stream, w: w, caller: ctx}, nil
}

type witnessed struct {
	grpc.ClientStream
	w      *witness
	caller context.Context // the stream's own context ends with the stream
}

func (s *witnessed) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil && !errors.Is(err, io.EOF) {
		header, headerErr := s.Header()
		if headerErr != nil {
			header = nil
		}
		s.w.last.Header, s.w.last.Trailer, s.w.last.Caller = header, s.Trailer(), s.caller.Err()
	}
	return err
}

// client is a connection with a witness on it.
type client struct {
	*witness
	conn   *grpc.ClientConn
	health healthpb.HealthClient
}

// dial connects lazily to an address on loopback. Retries of grpc-go itself
// are off; its transparent ones cannot be switched off.
func dial(t *testing.T, addr string, opts ...grpc.DialOption) *client {
	t.Helper()
	w := &witness{}
	all := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
		grpc.WithUnaryInterceptor(w.unary), grpc.WithStreamInterceptor(w.stream),
	}
	conn, err := grpc.NewClient("passthrough:///"+addr, append(all, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{witness: w, conn: conn, health: healthpb.NewHealthClient(conn)}
}

// check makes one unary call that must fail, and classifies it.
func (c *client) check(t *testing.T, opts ...grpc.CallOption) codes.Failure {
	t.Helper()
	return c.told(t, func() (lost bool, err error) {
		_, err = c.health.Check(patience(t), &healthpb.HealthCheckRequest{Service: "echo"}, opts...)
		return errors.Is(err, io.EOF), err
	})
}

// told classifies the error of an attempt. It makes another where grpc has lost the
// status: where grpc's own retry of a stream that was not processed fails, the call can end
// with a bare io.EOF, although the server has sent neither header nor trailer.
func (c *client) told(t *testing.T, attempt func() (lost bool, err error)) codes.Failure {
	t.Helper()
	for range 5 {
		if lost, err := attempt(); !lost {
			return c.classify(t, err)
		}
	}
	t.Fatal("grpc lost the status five times")
	return codes.Failure{}
}

// watch opens one server stream that must fail, reads it to its end, and
// classifies that. It does not use the generated client, which loses the stream, and
// with it the status, if that has failed before its request is sent: SendMsg then
// returns io.EOF, and RecvMsg tells why.
func (c *client) watch(t *testing.T, opts ...grpc.CallOption) codes.Failure {
	t.Helper()
	return c.told(t, func() (lost bool, err error) { return c.watchOnce(t, opts...) })
}

// watchOnce makes such a stream and returns its error, unless grpc has lost that.
func (c *client) watchOnce(t *testing.T, opts ...grpc.CallOption) (lost bool, err error) {
	t.Helper()
	stream, err := c.conn.NewStream(patience(t), &grpc.StreamDesc{ServerStreams: true}, healthpb.Health_Watch_FullMethodName, opts...)
	if err != nil {
		return false, err
	}
	if err := stream.SendMsg(&healthpb.HealthCheckRequest{Service: "echo"}); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	_ = stream.CloseSend() // it always returns nil
	for err == nil {
		err = stream.RecvMsg(&healthpb.HealthCheckResponse{})
	}
	if errors.Is(err, io.EOF) {
		md, _ := stream.Header()
		lost = md == nil && len(stream.Trailer()) == 0
	}
	return lost, err
}

func (c *client) classify(t *testing.T, err error) codes.Failure {
	t.Helper()
	if err == nil || errors.Is(err, io.EOF) {
		t.Fatalf("the call ended with %v, want a failure", err)
	}
	f := codes.Classify(err, c.last)
	t.Logf("%v %v %s: %v", f.Class, f.Reach, f.Rule, err)
	return f
}

// both makes a unary call and a stream; both must come to the same verdict.
func (c *client) both(t *testing.T, want verdict, opts ...grpc.CallOption) {
	t.Helper()
	t.Run("unary", func(t *testing.T) { expect(t, c.check(t, opts...), want) })
	t.Run("stream", func(t *testing.T) { expect(t, c.watch(t, opts...), want) })
}

func expect(t *testing.T, f codes.Failure, want verdict) {
	t.Helper()
	if diff := cmp.Diff(want, verdictOf(&f)); diff != "" {
		t.Errorf("verdict (-want +got):\n%s", diff)
	}
}

// patience is a context that ends a call which hangs.
func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// connect waits until the connection is ready.
func (c *client) connect(t *testing.T) {
	t.Helper()
	c.conn.Connect()
	c.waitFor(t, func(s connectivity.State) bool { return s == connectivity.Ready })
}

func (c *client) waitFor(t *testing.T, done func(connectivity.State) bool) {
	t.Helper()
	ctx := patience(t)
	for state := c.conn.GetState(); !done(state); state = c.conn.GetState() {
		if !c.conn.WaitForStateChange(ctx, state) {
			t.Fatalf("the connection stays %v", state)
		}
	}
}

// service is a health service whose methods the test writes.
type service struct {
	healthpb.UnimplementedHealthServer
	check func(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error)
	watch func(grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error
}

func (s *service) Check(ctx context.Context, req *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	return s.check(ctx, req)
}

func (s *service) Watch(_ *healthpb.HealthCheckRequest, stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
	return s.watch(stream)
}

// serve runs a grpc-go server with the service on loopback.
func serve(t *testing.T, s *service, opts ...grpc.ServerOption) (*grpc.Server, string) {
	t.Helper()
	lis := listen(t)
	srv := grpc.NewServer(opts...)
	healthpb.RegisterHealthServer(srv, s)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(lis) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return srv, lis.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	lis, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lis.Close() })
	return lis
}

// certificate returns the certificate that httptest servers show, and a
// configuration for clients that trust it.
func certificate(t *testing.T) (tls.Certificate, *tls.Config) {
	t.Helper()
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return srv.TLS.Certificates[0], &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12}
}
