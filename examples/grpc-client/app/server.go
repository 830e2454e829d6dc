package app

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// step is what the server does to one attempt. The zero step answers it.
type step struct {
	err    error // refuse it with this status
	chunks int   // of a stream that is refused: how many are sent before
	cut    bool  // reset the connection instead of answering
	hang   bool  // stay silent until the client has gone
	block  bool  // answer without saying anything, as the service does to what it finds unsafe
	renew  bool  // err is for those whose token is the first one; others are let in

	takes time.Duration // to answer it
}

// planner says what to do to an attempt: n counts the attempts of the same
// model and prompt, from 1.
type planner func(model, prompt string, n int) step

// server is a Gemini server that fails as planned. What it answers is made up.
type server struct {
	pb.UnimplementedGenerativeServiceServer

	plan     planner
	listener *cuttableListener
	grpc     *grpc.Server

	mu       sync.Mutex
	attempts map[[2]string]int // by model and prompt
}

// startServer starts a server on a port of its own; stop it when done.
func startServer(ctx context.Context, plan planner) (*server, error) {
	l, err := listen(ctx)
	if err != nil {
		return nil, fmt.Errorf("embedded server: %w", err)
	}
	return serve(l, plan), nil
}

// serve starts a server that takes its connections from l.
func serve(l *cuttableListener, plan planner) *server {
	s := &server{plan: plan, listener: l, grpc: grpc.NewServer(), attempts: map[[2]string]int{}}
	pb.RegisterGenerativeServiceServer(s.grpc, s)
	go func() { _ = s.grpc.Serve(l) }() // it ends with stop
	return s
}

func (s *server) stop() { s.grpc.Stop() }

func (s *server) address() string { return s.listener.Addr().String() }

// seen returns how many attempts have reached the server for a prompt.
func (s *server) seen(model, prompt string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attempts[[2]string{model, prompt}]
}

// forget begins to count anew.
func (s *server) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.attempts)
}

// next counts an attempt and returns what to do to it.
func (s *server) next(model, prompt string) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{model, prompt}
	s.attempts[key]++
	return s.plan(model, prompt, s.attempts[key])
}

// play does to an attempt what is planned; nil means: answer it.
func (s *server) play(ctx context.Context, st step) error {
	switch {
	case st.cut:
		s.listener.cut(ctx)
		return status.Error(grpccodes.Aborted, "nobody will read this")
	case st.hang:
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	case st.renew && tokenOf(ctx) != firstToken, st.err == nil:
		return think(ctx, st.takes)
	}
	return st.err
}

// think takes the time that an answer needs.
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
func (s *server) GenerateContent(ctx context.Context, req *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	prompt := textOf(req.GetContents())
	st := s.next(req.GetModel(), prompt)
	if err := s.play(ctx, st); err != nil {
		return nil, err
	}
	if st.block {
		return blocked(), nil
	}
	return response(answerTo(prompt)), nil
}

// StreamGenerateContent answers a prompt word by word.
func (s *server) StreamGenerateContent(req *pb.GenerateContentRequest, stream pb.GenerativeService_StreamGenerateContentServer) error {
	prompt, said, err := asked(req.GetContents())
	if err != nil {
		return err
	}
	st := s.next(req.GetModel(), prompt)
	words := strings.SplitAfter(strings.TrimPrefix(answerTo(prompt), said), " ")
	for _, word := range words[:min(st.chunks, len(words))] {
		if err := stream.Send(response(word)); err != nil {
			return err
		}
	}
	if err := s.play(stream.Context(), st); err != nil {
		return err
	}
	if st.block {
		return stream.Send(blocked())
	}
	for _, word := range words[min(st.chunks, len(words)):] {
		if err := stream.Send(response(word)); err != nil {
			return err
		}
	}
	return nil
}

// CountTokens counts the words.
func (s *server) CountTokens(ctx context.Context, req *pb.CountTokensRequest) (*pb.CountTokensResponse, error) {
	prompt := textOf(req.GetContents())
	if err := s.play(ctx, s.next(req.GetModel(), prompt)); err != nil {
		return nil, err
	}
	return &pb.CountTokensResponse{TotalTokens: int32(min(tokensOf(prompt), 1<<20))}, nil //nolint:gosec // it fits
}

// EmbedContent returns an embedding.
func (s *server) EmbedContent(ctx context.Context, req *pb.EmbedContentRequest) (*pb.EmbedContentResponse, error) {
	if err := s.play(ctx, s.next(req.GetModel(), textOf([]*pb.Content{req.GetContent()}))); err != nil {
		return nil, err
	}
	return &pb.EmbedContentResponse{Embedding: embedding()}, nil
}

// BatchEmbedContents returns an embedding for each request.
func (s *server) BatchEmbedContents(ctx context.Context, req *pb.BatchEmbedContentsRequest) (*pb.BatchEmbedContentsResponse, error) {
	prompt := ""
	if all := req.GetRequests(); len(all) > 0 {
		prompt = textOf([]*pb.Content{all[0].GetContent()})
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

// answerTo makes up an answer.
func answerTo(prompt string) string {
	return fmt.Sprintf("You said: %s. I have nothing to add to it.", strings.TrimRight(prompt, ".?!"))
}

// blocked is the response to a prompt that is not answered.
func blocked() *pb.GenerateContentResponse {
	return &pb.GenerateContentResponse{PromptFeedback: &pb.GenerateContentResponse_PromptFeedback{
		BlockReason: pb.GenerateContentResponse_PromptFeedback_SAFETY,
	}}
}

// response wraps text as the service does.
func response(text string) *pb.GenerateContentResponse {
	return &pb.GenerateContentResponse{Candidates: []*pb.Candidate{{
		Content: &pb.Content{Role: "model", Parts: []*pb.Part{{Data: &pb.Part_Text{Text: text}}}}, FinishReason: pb.Candidate_STOP,
	}}}
}
