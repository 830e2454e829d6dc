package main

import (
	"context"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
)

// newClient returns the official Gemini client with retries by r. This is the
// wiring that a program of your own needs; where says which server to talk to
// and with which credentials.
func newClient(ctx context.Context, r *interceptor.Retrier, where []option.ClientOption) (*generativelanguage.GenerativeClient, error) {
	opts := append([]option.ClientOption{
		option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(r.Unary())),
		option.WithGRPCDialOption(grpc.WithChainStreamInterceptor(r.Stream())),
		option.WithGRPCDialOption(grpc.WithDisableRetry()),
	}, where...)
	client, err := generativelanguage.NewGenerativeClient(ctx, opts...)
	if err != nil {
		return nil, err
	}
	withoutGaxRetries(client.CallOptions)
	return client, nil
}

// withoutGaxRetries switches off the retries of the generated client itself,
// which stand above the interceptors: the attempts of two layers multiply.
// There is no switch for the whole client, so every method gets its own, after
// the options it has; its deadline stays.
func withoutGaxRetries(o *generativelanguage.GenerativeCallOptions) {
	for _, method := range []*[]gax.CallOption{
		&o.GenerateContent, &o.GenerateAnswer, &o.StreamGenerateContent,
		&o.EmbedContent, &o.BatchEmbedContents, &o.CountTokens, &o.BidiGenerateContent,
		&o.CancelOperation, &o.DeleteOperation, &o.GetOperation, &o.ListOperations,
	} {
		*method = append(*method, gax.WithRetry(nil))
	}
}
