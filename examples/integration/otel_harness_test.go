package integration_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// scripted is a health service: the name of the service that is asked for says how
// the attempts of the call end.
type scripted struct {
	healthpb.UnimplementedHealthServer
	attempts atomic.Int32 // since the last call began
}

func (s *scripted) Check(ctx context.Context, in *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	n := s.attempts.Add(1)
	time.Sleep(100 * time.Millisecond)
	overloaded := status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
	refused := status.Error(grpccodes.ResourceExhausted, "Quota exceeded. Please retry in 10s.")
	switch name := in.GetService(); {
	case name == "fails twice" && n <= 2, name == "fails":
		return nil, overloaded
	case name == "refused once" && n == 1:
		return nil, refused
	case name == "slow once" && n == 1:
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	case name == "wrong":
		return nil, status.Error(grpccodes.InvalidArgument, "wrong")
	}
	return &healthpb.HealthCheckResponse{}, nil
}

// Watch fails once before its first message.
func (s *scripted) Watch(_ *healthpb.HealthCheckRequest, out healthpb.Health_WatchServer) error {
	if s.attempts.Add(1) == 1 {
		return status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
	}
	return out.Send(&healthpb.HealthCheckResponse{})
}

// inMemory starts the service in memory and connects to it.
func inMemory(t *testing.T, service healthpb.HealthServer, opts ...grpc.DialOption) healthpb.HealthClient {
	t.Helper()
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, service)
	return healthpb.NewHealthClient(grpctest.ConnectAs(t, "passthrough:///health", server, opts...))
}

// contextWithCancelAfter is a context that is cancelled after d, without a deadline.
func contextWithCancelAfter(t *testing.T, d time.Duration) (context.Context, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	timer := time.AfterFunc(d, cancel)
	return ctx, func() { timer.Stop(); cancel() }
}
