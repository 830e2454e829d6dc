package integration_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/sony/gobreaker/v2"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
)

// failing is a health service that is in trouble.
type failing struct {
	healthpb.UnimplementedHealthServer
	calls int
}

func (f *failing) Check(_ context.Context, in *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	f.calls++
	if in.GetService() == "unknown" {
		return nil, status.Error(grpccodes.NotFound, "unknown service")
	}
	return nil, status.Error(grpccodes.Unavailable, "overloaded")
}

// The two-step breaker of sony/gobreaker opens after three failures of the server.
// Answers such as NOT_FOUND do not count.
func Example_gobreaker() {
	breaker := gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Timeout:     time.Minute,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= 3 },
	})
	server := &failing{}
	conn, stop := connect(server, interceptor.WithBreaker(breaker), interceptor.MaxRetries(0))
	defer stop()
	client := healthpb.NewHealthClient(conn)
	for _, service := range []string{"unknown", "unknown", "unknown", "a", "b", "c", "d"} {
		_, err := client.Check(context.Background(), &healthpb.HealthCheckRequest{Service: service})
		fmt.Println(service, status.Code(err), breaker.State(), errors.Is(err, gobreaker.ErrOpenState))
	}
	fmt.Println("the server saw", server.calls)
	// Output:
	// unknown NotFound closed false
	// unknown NotFound closed false
	// unknown NotFound closed false
	// a Unavailable closed false
	// b Unavailable closed false
	// c Unavailable open false
	// d Unavailable open true
	// the server saw 6
}

// connect starts a server on loopback and returns a connection to it.
func connect(service healthpb.HealthServer, opts ...interceptor.Option) (*grpc.ClientConn, func()) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, service)
	go func() { _ = server.Serve(listener) }()
	creds := grpc.WithTransportCredentials(insecure.NewCredentials())
	conn, err := grpc.NewClient(listener.Addr().String(), append(interceptor.DialOptions(opts...), creds)...)
	if err != nil {
		panic(err)
	}
	return conn, func() {
		_ = conn.Close()
		server.Stop()
	}
}
