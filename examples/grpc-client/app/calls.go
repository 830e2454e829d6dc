package app

import (
	"context"
	"errors"
	"io"
	"strings"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
)

// caller makes one call and returns what came of it.
type caller func(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error)

func generateContent(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	resp, err := c.GenerateContent(ctx, generate(model, prompt))
	text, _ := answerOf(resp)
	return text, err
}

func streamGenerateContent(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	stream, err := c.StreamGenerateContent(ctx, generate(model, prompt))
	if err != nil {
		return "", err
	}
	text, _, err := readAll(stream)
	return text, err
}

// bidiGenerateContent says one thing in a conversation and listens until the
// model has done.
func bidiGenerateContent(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	stream, err := c.BidiGenerateContent(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range []*pb.BidiGenerateContentClientMessage{
		{MessageType: &pb.BidiGenerateContentClientMessage_Setup{Setup: &pb.BidiGenerateContentSetup{Model: model}}},
		{MessageType: &pb.BidiGenerateContentClientMessage_ClientContent{
			ClientContent: &pb.BidiGenerateContentClientContent{Turns: contents(prompt), TurnComplete: true},
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
		b.WriteString(textOf([]*pb.Content{m.GetServerContent().GetModelTurn()}))
	}
}

func countTokens(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	resp, err := c.CountTokens(ctx, &pb.CountTokensRequest{Model: model, Contents: contents(prompt)})
	if err != nil {
		return "", err
	}
	return plural(int(resp.GetTotalTokens()), "token"), nil
}

func embedContent(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	resp, err := c.EmbedContent(ctx, &pb.EmbedContentRequest{Model: model, Content: contents(prompt)[0]})
	if err != nil {
		return "", err
	}
	return "an embedding of " + plural(len(resp.GetEmbedding().GetValues()), "dimension"), nil
}

func batchEmbedContents(ctx context.Context, c *generativelanguage.GenerativeClient, model, prompt string) (string, error) {
	request := &pb.EmbedContentRequest{Model: model, Content: contents(prompt)[0]}
	resp, err := c.BatchEmbedContents(ctx, &pb.BatchEmbedContentsRequest{Model: model, Requests: []*pb.EmbedContentRequest{request, request}})
	if err != nil {
		return "", err
	}
	return plural(len(resp.GetEmbeddings()), "embedding"), nil
}
