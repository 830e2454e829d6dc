package main

import (
	"context"
	"net"
	"sync/atomic"
	"time"

	pb "cloud.google.com/go/aiplatform/apiv1/aiplatformpb"
	"google.golang.org/api/option"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
)

// server is a Vertex AI server refusing the first attempt of each method.
type server struct {
	pb.UnimplementedPredictionServiceServer
	always          error // the error of every GenerateContent; nil refuses the first only
	whole, streamed atomic.Int32
}

// start starts the server on loopback and returns the client options leading there.
func (s *server) start(ctx context.Context) (where []option.ClientOption, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	srv := grpc.NewServer()
	pb.RegisterPredictionServiceServer(srv, s)
	go func() { _ = srv.Serve(listener) }() // ends with stop
	return []option.ClientOption{
		option.WithEndpoint(listener.Addr().String()),
		option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}, srv.Stop, nil
}

// GenerateContent refuses the first attempt for want of quota, with a hint of half a second.
func (s *server) GenerateContent(context.Context, *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	switch n := s.whole.Add(1); {
	case s.always != nil:
		return nil, s.always
	case n == 1:
		refused, err := status.New(grpccodes.ResourceExhausted, "Resource exhausted. Please try again later.").
			WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(500 * time.Millisecond)})
		if err != nil {
			return nil, err
		}
		return nil, refused.Err()
	}
	return answer("A made-up answer."), nil
}

// StreamGenerateContent fails once, with UNAVAILABLE.
func (s *server) StreamGenerateContent(_ *pb.GenerateContentRequest, out pb.PredictionService_StreamGenerateContentServer) error {
	if s.streamed.Add(1) == 1 {
		return status.Error(grpccodes.Unavailable, "The service is currently unavailable.")
	}
	for _, text := range []string{"A made-up", "answer in pieces."} {
		if err := out.Send(answer(text)); err != nil {
			return err
		}
	}
	return nil
}

func answer(text string) *pb.GenerateContentResponse {
	return &pb.GenerateContentResponse{Candidates: []*pb.Candidate{
		{Content: &pb.Content{Role: "model", Parts: []*pb.Part{{Data: &pb.Part_Text{Text: text}}}}},
	}}
}
