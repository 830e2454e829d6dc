// Package geminitest is the wiring of main.go for the tests of the packages below.
package geminitest

import (
	"context"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
)

// Dial is a [gemini.Dial].
func Dial(ctx context.Context, where []option.ClientOption, opts ...interceptor.Option) (*generativelanguage.GenerativeClient, error) {
	client, err := generativelanguage.NewGenerativeClient(ctx, append(gapic.ClientOptions(append(opts, interceptor.WithObserver(gemini.Observe))...), where...)...)
	if err == nil {
		gapic.DisableRetry(client.CallOptions)
	}
	return client, err
}
