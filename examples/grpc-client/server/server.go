// Package server is a Gemini server on a loopback port with made-up answers. A plan
// decides which attempts fail; failures.go has the statuses of the real service.
package server

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
)

// Step is the server's act for one attempt. The zero Step answers the attempt.
type Step struct {
	Err    error // refuse the attempt with this status
	Chunks int   // of a refused stream: chunks before the refusal
	Cut    bool  // reset the connection instead of answering
	Hang   bool  // stay silent until the client has gone
	Block  bool  // answer without text, as the service does to unsafe prompts
	Renew  bool  // Err is for the first token only; other tokens are let in

	Takes time.Duration // for an answer
}

// Planner returns the act for an attempt: n counts the attempts of the same
// model and prompt, from 1.
type Planner func(model, prompt string, n int) Step

// Server is a Gemini server with planned failures and made-up answers.
type Server struct {
	pb.UnimplementedGenerativeServiceServer

	plan     Planner
	listener *cuttableListener
	grpc     *grpc.Server

	mu       sync.Mutex
	attempts map[[2]string]int // by model and prompt
}

// Start starts a server on a free loopback port; stop the server when done.
func Start(ctx context.Context, plan Planner) (*Server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("embedded server: %w", err)
	}
	return Serve(l, plan), nil
}

// Serve starts a server for the connections of l.
func Serve(l net.Listener, plan Planner) *Server {
	s := &Server{plan: plan, listener: cuttable(l), grpc: grpc.NewServer(), attempts: map[[2]string]int{}}
	pb.RegisterGenerativeServiceServer(s.grpc, s)
	go func() { _ = s.grpc.Serve(s.listener) }() // until Stop
	return s
}

// Stop ends the server and all connections.
func (s *Server) Stop() { s.grpc.Stop() }

// Address returns host:port of the server.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Seen returns how many attempts have reached the server for a prompt.
func (s *Server) Seen(model, prompt string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts[[2]string{model, prompt}]
}

// Forget begins to count anew.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.attempts)
}

// next counts an attempt and returns the planned act.
func (s *Server) next(model, prompt string) Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{model, prompt}
	s.attempts[key]++
	return s.plan(model, prompt, s.attempts[key])
}

// play acts on an attempt as planned; nil means an answer is due.
func (s *Server) play(ctx context.Context, st Step) error {
	switch {
	case st.Cut:
		s.listener.cut(ctx)
		return status.Error(grpccodes.Aborted, "nobody will read this")
	case st.Hang:
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case st.Renew && tokenOf(ctx) != firstToken, st.Err == nil:
		return think(ctx, st.Takes)
	}
	return st.Err
}

// think waits for d, the time for an answer.
func think(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

// GenerateContent answers a prompt.
func (s *Server) GenerateContent(ctx context.Context, req *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	prompt := gemini.TextOf(req.GetContents())
	st := s.next(req.GetModel(), prompt)
	if err := s.play(ctx, st); err != nil {
		return nil, err
	}
	if st.Block {
		return blocked(), nil
	}
	return Response(AnswerTo(prompt)), nil
}

// StreamGenerateContent answers a prompt word by word.
func (s *Server) StreamGenerateContent(req *pb.GenerateContentRequest, stream pb.GenerativeService_StreamGenerateContentServer) error {
	prompt, said, err := asked(req.GetContents())
	if err != nil {
		return err
	}
	st := s.next(req.GetModel(), prompt)
	words := strings.SplitAfter(strings.TrimPrefix(AnswerTo(prompt), said), " ")
	for _, word := range words[:min(st.Chunks, len(words))] {
		if err := stream.Send(Response(word)); err != nil {
			return err
		}
	}
	if err := s.play(stream.Context(), st); err != nil {
		return err
	}
	if st.Block {
		return stream.Send(blocked())
	}
	for _, word := range words[min(st.Chunks, len(words)):] {
		if err := stream.Send(Response(word)); err != nil {
			return err
		}
	}
	return nil
}

// CountTokens counts the words.
func (s *Server) CountTokens(ctx context.Context, req *pb.CountTokensRequest) (*pb.CountTokensResponse, error) {
	prompt := gemini.TextOf(req.GetContents())
	if err := s.play(ctx, s.next(req.GetModel(), prompt)); err != nil {
		return nil, err
	}
	return &pb.CountTokensResponse{TotalTokens: int32(min(tokensOf(prompt), 1<<20))}, nil //nolint:gosec // at most 1<<20
}

// EmbedContent returns an embedding.
func (s *Server) EmbedContent(ctx context.Context, req *pb.EmbedContentRequest) (*pb.EmbedContentResponse, error) {
	if err := s.play(ctx, s.next(req.GetModel(), gemini.TextOf([]*pb.Content{req.GetContent()}))); err != nil {
		return nil, err
	}
	return &pb.EmbedContentResponse{Embedding: embedding()}, nil
}

// BatchEmbedContents returns an embedding for each request.
func (s *Server) BatchEmbedContents(ctx context.Context, req *pb.BatchEmbedContentsRequest) (*pb.BatchEmbedContentsResponse, error) {
	prompt := ""
	if all := req.GetRequests(); len(all) > 0 {
		prompt = gemini.TextOf([]*pb.Content{all[0].GetContent()})
	}
	if err := s.play(ctx, s.next(req.GetModel(), prompt)); err != nil {
		return nil, err
	}
	resp := &pb.BatchEmbedContentsResponse{}
	for range req.GetRequests() {
		resp.Embeddings = append(resp.Embeddings, embedding())
	}
	return resp, nil
}

func embedding() *pb.ContentEmbedding { return &pb.ContentEmbedding{Values: []float32{0.6, 0.8, 0}} }

// AnswerTo makes up an answer.
func AnswerTo(prompt string) string {
	return fmt.Sprintf("You said: %s. I have nothing to add to it.", strings.TrimRight(prompt, ".?!"))
}

// blocked is the response to a blocked prompt.
func blocked() *pb.GenerateContentResponse {
	return &pb.GenerateContentResponse{PromptFeedback: &pb.GenerateContentResponse_PromptFeedback{
		BlockReason: pb.GenerateContentResponse_PromptFeedback_SAFETY,
	}}
}

// Response wraps text as the service does.
func Response(text string) *pb.GenerateContentResponse {
	return &pb.GenerateContentResponse{Candidates: []*pb.Candidate{{
		Content: &pb.Content{Role: "model", Parts: []*pb.Part{{Data: &pb.Part_Text{Text: text}}}}, FinishReason: pb.Candidate_STOP,
	}}}
}
