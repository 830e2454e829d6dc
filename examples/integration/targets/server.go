package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/api/option"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// server is a Gemini server over gRPC and REST, where gemini-2.5-flash has used up its quota
// of the day.
type server struct {
	pb.UnimplementedGenerativeServiceServer
}

// spent is the name of the quota.
const spent = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"

// start starts the server on loopback.
func (s *server) start(ctx context.Context) (where place, stop func(), err error) {
	rpc, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return place{}, nil, err
	}
	web, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		_ = rpc.Close()
		return place{}, nil, err
	}
	grpcServer := grpc.NewServer()
	pb.RegisterGenerativeServiceServer(grpcServer, s)
	httpServer := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { _ = grpcServer.Serve(rpc) }() // ends with stop, as does the next
	go func() { _ = httpServer.Serve(web) }()
	where = place{
		grpc: []option.ClientOption{
			option.WithEndpoint(rpc.Addr().String()), option.WithoutAuthentication(),
			option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		},
		url: "http://" + web.Addr().String(), key: "embedded",
	}
	return where, func() {
		grpcServer.Stop()
		_ = httpServer.Close()
	}, nil
}

// GenerateContent answers over gRPC.
func (s *server) GenerateContent(_ context.Context, in *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	if in.GetModel() == "models/gemini-2.5-flash" {
		refused, err := status.New(grpccodes.ResourceExhausted, "You exceeded your current quota.").WithDetails(
			&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: spent}}})
		if err != nil {
			return nil, err
		}
		return nil, refused.Err()
	}
	return &pb.GenerateContentResponse{Candidates: []*pb.Candidate{{Content: &pb.Content{
		Role: "model", Parts: []*pb.Part{{Data: &pb.Part_Text{Text: "Because of Rayleigh, says " + in.GetModel()}}},
	}}}}, nil
}

// ServeHTTP answers over REST.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	path, _, _ := strings.Cut(r.URL.Path, ":")
	model := path[strings.LastIndex(path, "/")+1:]
	if model == "gemini-2.5-flash" {
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = fmt.Fprintf(w, `{"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED", "details": [
			{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": %q}]}]}}`, spent)
		return
	}
	_, _ = fmt.Fprintf(w, `{"candidates": [{"content": {"role": "model", "parts": [{"text": "Because of Rayleigh, says models/%s"}]}}]}`, model) //nolint:gosec // no browser asks
}
