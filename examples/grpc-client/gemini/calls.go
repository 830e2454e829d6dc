package gemini

import (
	"context"
	"errors"
	"io"
	"strings"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"

	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
)

// Caller makes one call and returns the answer in words.
type Caller func(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error)

// GenerateContent asks a prompt.
func GenerateContent(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	resp, err := c.GenerateContent(ctx, Request(model, prompt))
	text, _ := AnswerOf(resp)
	return text, err
}

// StreamGenerateContent asks a prompt and reads the streamed answer.
func StreamGenerateContent(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	stream, err := c.StreamGenerateContent(ctx, Request(model, prompt))
	if err != nil {
		return "", err
	}
	text, _, err := ReadAll(stream)
	return text, err
}

// BidiGenerateContent has a conversation of one turn and listens until the
// model is done.
func BidiGenerateContent(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	stream, err := c.BidiGenerateContent(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range []*pb.BidiGenerateContentClientMessage{
		{MessageType: &pb.BidiGenerateContentClientMessage_Setup{Setup: &pb.BidiGenerateContentSetup{Model: model}}},
		{MessageType: &pb.BidiGenerateContentClientMessage_ClientContent{
			ClientContent: &pb.BidiGenerateContentClientContent{Turns: Contents(prompt), TurnComplete: true},
		}},
	} {
		if err := stream.Send(m); err != nil && !errors.Is(err, io.EOF) { // Recv tells why
			return "", err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return "", err
	}
	var b strings.Builder
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		b.WriteString(TextOf([]*pb.Content{m.GetServerContent().GetModelTurn()}))
	}
}

// CountTokens counts the tokens of a prompt.
func CountTokens(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	resp, err := c.CountTokens(ctx, &pb.CountTokensRequest{Model: model, Contents: Contents(prompt)})
	if err != nil {
		return "", err
	}
	return terminal.Plural(int(resp.GetTotalTokens()), "token"), nil
}

// EmbedContent embeds a prompt.
func EmbedContent(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	resp, err := c.EmbedContent(ctx, &pb.EmbedContentRequest{Model: model, Content: Contents(prompt)[0]})
	if err != nil {
		return "", err
	}
	return "an embedding of " + terminal.Plural(len(resp.GetEmbedding().GetValues()), "dimension"), nil
}

// BatchEmbedContents embeds a prompt twice in one call.
func BatchEmbedContents(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	request := &pb.EmbedContentRequest{Model: model, Content: Contents(prompt)[0]}
	resp, err := c.BatchEmbedContents(ctx, &pb.BatchEmbedContentsRequest{Model: model, Requests: []*pb.EmbedContentRequest{request, request}})
	if err != nil {
		return "", err
	}
	return terminal.Plural(len(resp.GetEmbeddings()), "embedding"), nil
}
