// Command grpc-client shows what the retries of Reinvoke do for a Gemini
// client. Without arguments it plays a script of failures against a Gemini
// server of its own; with -prompts it answers a file of prompts; -h tells the
// rest:
//
//	go run ./examples/grpc-client
//	go run ./examples/grpc-client -explain 'UNAVAILABLE: The model is overloaded.'
//	go run ./examples/grpc-client -prompts prompts.txt -out answers.jsonl
//	GEMINI_API_KEY=... go run ./examples/grpc-client -endpoint generativelanguage.googleapis.com:443
//
// This file is the wiring that a program of your own needs. The folders beside it hold the rest: batch, demo
// and explain are the modes, server is the embedded server, terminal the output, app the command line.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
)

func main() { os.Exit(app.Main(newClient)) }

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
