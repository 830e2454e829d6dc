package grpctest

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
)

// The methods of grpc-go's test service for interoperability.
const (
	UnaryMethod  = "/grpc.testing.TestService/UnaryCall"
	StreamMethod = "/grpc.testing.TestService/StreamingOutputCall"
)

// Server is a service with answers written by a test: Unary and Stream are called for each
// attempt, with the number of the attempt, counted from 1. A Server is safe for concurrent
// use.
type Server struct {
	testpb.UnimplementedTestServiceServer
	Unary  UnaryHandler
	Stream StreamHandler

	mu sync.Mutex
	at []time.Time   // the arrival of each attempt
	md []metadata.MD // the metadata of each attempt
}

func (s *Server) arrived(ctx context.Context) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	md, _ := metadata.FromIncomingContext(ctx)
	s.at, s.md = append(s.at, time.Now()), append(s.md, md)
	return len(s.at)
}

// Attempts returns the number of arrived attempts.
func (s *Server) Attempts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.at)
}

// Metadata returns the metadata of each attempt.
func (s *Server) Metadata() []metadata.MD {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.md)
}

// Reset forgets the attempts: the next attempt has number 1 again.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.md = nil, nil
}

// Gaps returns the times between the attempts.
func (s *Server) Gaps() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var gaps []time.Duration
	for i := 1; i < len(s.at); i++ {
		gaps = append(gaps, s.at[i].Sub(s.at[i-1]))
	}
	return gaps
}

// UnaryCall answers with Unary.
func (s *Server) UnaryCall(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	return s.Unary(ctx, s.arrived(ctx), in)
}

// StreamingOutputCall answers with Stream.
func (s *Server) StreamingOutputCall(in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
	return s.Stream(s.arrived(out.Context()), in, out)
}

// FullDuplexCall echoes each message.
func (s *Server) FullDuplexCall(stream testpb.TestService_FullDuplexCallServer) error {
	s.arrived(stream.Context())
	for {
		in, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&testpb.StreamingOutputCallResponse{Payload: in.GetPayload()}); err != nil {
			return err
		}
	}
}

// WantAttempts fails the test unless so many attempts have reached the server.
func WantAttempts(t *testing.T, s *Server, want int) {
	t.Helper()
	if got := s.Attempts(); got != want {
		t.Errorf("got %d attempts, want %d", got, want)
	}
}

// WantGaps fails the test unless the attempts came after exactly these waits.
func WantGaps(t *testing.T, s *Server, want ...time.Duration) {
	t.Helper()
	if got := s.Gaps(); !slices.Equal(got, want) {
		t.Errorf("got waits %v, want %v", got, want)
	}
}
