package main

import (
	"context"

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
