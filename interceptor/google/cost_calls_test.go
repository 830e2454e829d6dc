package google_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/google"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// counter is a model that says of each prompt that it had so many tokens.
type counter struct {
	pb.UnimplementedGenerativeServiceServer
	tokens int32
	began  time.Time
	at     []time.Duration // when prompts have arrived, one after another
}

func (c *counter) answer() *pb.GenerateContentResponse {
	c.at = append(c.at, time.Since(c.began).Truncate(time.Second))
	return &pb.GenerateContentResponse{UsageMetadata: &pb.GenerateContentResponse_UsageMetadata{PromptTokenCount: c.tokens}}
}

func (c *counter) GenerateContent(context.Context, *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	return c.answer(), nil
}

func (c *counter) StreamGenerateContent(_ *pb.GenerateContentRequest, out pb.GenerativeService_StreamGenerateContentServer) error {
	return out.Send(c.answer())
}

// TestCost_paces: calls one after another keep to a limit of tokens: by the estimate where it is
// right, and otherwise by what the model says.
func TestCost_paces(t *testing.T) {
	const m = time.Minute
	for name, c := range map[string]struct {
		tokens int32
		want   []time.Duration
	}{
		"as estimated": {250, []time.Duration{0, 0, 0, 0, m, m, m, m}},
		"more":         {500, []time.Duration{0, 0, m, m, 2 * m, 2 * m, 3 * m, 3 * m}},
		"less":         {100, []time.Duration{0, 0, 0, 0, 0, 0, 0, 0}},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := &counter{tokens: c.tokens, began: time.Now()}
					srv := grpc.NewServer()
					pb.RegisterGenerativeServiceServer(srv, s)
					conn := grpctest.Connect(t, srv, interceptor.DialOptions(
						interceptor.WithQuotas(policy.Quota{Pattern: "models/gemini-2.5-*", Tokens: 1000}),
						interceptor.WithCost(google.Cost), interceptor.WithUsage(google.Usage),
					)...)
					ctx := params(t, "model=models%2Fgemini-2.5-flash")
					for range c.want {
						if err := prompt(ctx, conn, stream); err != nil {
							t.Fatal(err)
						}
					}
					if !slices.Equal(s.at, c.want) {
						t.Errorf("prompts arrived at %v, want %v", s.at, c.want)
					}
				})
			})
		}
	}
}

// prompt sends a prompt of about 250 tokens.
func prompt(ctx context.Context, conn *grpc.ClientConn, stream bool) error {
	client := pb.NewGenerativeServiceClient(conn)
	if !stream {
		_, err := client.GenerateContent(ctx, say(text(1000)))
		return err
	}
	answers, err := client.StreamGenerateContent(ctx, say(text(1000)))
	for err == nil {
		_, err = answers.Recv()
	}
	if err == io.EOF { //nolint:errorlint // what grpc returns at the end of a stream is io.EOF itself
		return nil
	}
	return err
}
