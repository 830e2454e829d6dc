package interceptor_test

import (
	"context"
	"strings"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// gemini is a Gemini server for examples. Like the newer models it takes no
// request that ends with a turn of the model.
type gemini struct {
	pb.UnimplementedGenerativeServiceServer
	generate func(n int, in *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error)
	stream   func(n int, in *pb.GenerateContentRequest, out pb.GenerativeService_StreamGenerateContentServer) error
	calls    int
}

func (g *gemini) begin(in *pb.GenerateContentRequest) (int, error) {
	g.calls++
	if turns := in.GetContents(); len(turns) > 0 && turns[len(turns)-1].GetRole() == "model" {
		return 0, status.Error(grpccodes.InvalidArgument, "Requests ending with a model turn are not supported.")
	}
	return g.calls, nil
}

func (g *gemini) GenerateContent(_ context.Context, in *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	n, err := g.begin(in)
	if err != nil {
		return nil, err
	}
	return g.generate(n, in)
}

func (g *gemini) StreamGenerateContent(in *pb.GenerateContentRequest, out pb.GenerativeService_StreamGenerateContentServer) error {
	n, err := g.begin(in)
	if err != nil {
		return err
	}
	return g.stream(n, in, out)
}

// connectGemini returns a client of g with a Retrier of these options, which
// does not wait, and what stops both.
func connectGemini(g *gemini, opts ...interceptor.Option) (client pb.GenerativeServiceClient, stop func()) {
	server := grpc.NewServer()
	pb.RegisterGenerativeServiceServer(server, g)
	conn, stop := connectAtOnce(server, opts...)
	return pb.NewGenerativeServiceClient(conn), stop
}

// connectAtOnce starts the server in memory and connects to it with a Retrier of
// these options, which does not wait. It returns what stops both.
func connectAtOnce(server *grpc.Server, opts ...interceptor.Option) (conn *grpc.ClientConn, stop func()) {
	table := policy.Default()
	for class := range table {
		table[class].Base, table[class].Max = 0, 0
	}
	dial := interceptor.DialOptions(append([]interceptor.Option{interceptor.WithTable(table)}, opts...)...)
	conn, err := grpc.NewClient("passthrough:///example", append(dial, grpctest.Start(server)...)...)
	if err != nil {
		panic(err)
	}
	return conn, func() {
		_ = conn.Close()
		server.Stop()
	}
}

// said is a response with this text.
func said(text string, why pb.Candidate_FinishReason) *pb.GenerateContentResponse {
	return &pb.GenerateContentResponse{Candidates: []*pb.Candidate{{Content: turn("model", text), FinishReason: why}}}
}

// turn is a turn of a conversation.
func turn(role, text string) *pb.Content {
	return &pb.Content{Role: role, Parts: []*pb.Part{{Data: &pb.Part_Text{Text: text}}}}
}

// textIn returns the text of a response.
func textIn(m *pb.GenerateContentResponse) string {
	var b strings.Builder
	for _, c := range m.GetCandidates() {
		for _, part := range c.GetContent().GetParts() {
			b.WriteString(part.GetText())
		}
	}
	return b.String()
}
