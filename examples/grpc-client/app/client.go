package app

import (
	"context"
	"fmt"
	"strings"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
)

// newClient returns the official Gemini client with retries by r. This is the
// wiring that a program of your own needs; where says which server to talk to
// and with which credentials.
func newClient(ctx context.Context, where []option.ClientOption, opts ...interceptor.Option) (*generativelanguage.GenerativeClient, error) {
	retrier := interceptor.New(opts...)
	client, err := generativelanguage.NewGenerativeClient(ctx, append(gapic.ClientOptionsFor(retrier), where...)...)
	if err != nil {
		return nil, err
	}
	gapic.DisableRetry(client.CallOptions)
	if err := oneLayer(client.CallOptions); err != nil {
		_ = client.Close() // it was not used
		return nil, err
	}
	return client, nil
}

// oneLayer returns an error if a generated client retries by itself, above the
// interceptors: the attempts of two layers multiply.
func oneLayer(callOptions any) error {
	if twice := gapic.Retries(callOptions); len(twice) > 0 {
		return fmt.Errorf("the client retries %s by itself, above the interceptor: want gapic.DisableRetry", strings.Join(twice, ", "))
	}
	return nil
}
