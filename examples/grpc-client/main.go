// Command grpc-client shows the retries of Reinvoke in a Gemini client. Without arguments
// the program plays a script of failures against an embedded Gemini server, with -prompts
// the program answers a file of prompts; -h lists all flags:
//
//	go run ./examples/grpc-client
//	go run ./examples/grpc-client -explain 'UNAVAILABLE: The model is overloaded.'
//	go run ./examples/grpc-client -prompts prompts.txt -out answers.jsonl
//	GEMINI_API_KEY=... go run ./examples/grpc-client -endpoint generativelanguage.googleapis.com:443
//
// This file is the wiring for a program of your own. The folders beside this file hold
// the rest: batch, demo and explain are the modes, gemini the calls, server the embedded
// server, terminal the output, app the command line.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
)

func main() { os.Exit(app.Main(newClient)) }

// newClient returns the official Gemini client with retries. where names the server and the
// credentials, as option.WithAPIKey does. opts are options for retries: a table, a gate, a
// refresh of tokens. Options of a single call travel in its context, by interceptor.NewContext.
func newClient(ctx context.Context, where []option.ClientOption, opts ...interceptor.Option) (*generativelanguage.GenerativeClient, error) {
	opts = append(opts, interceptor.WithObserver(gemini.Observe)) // tells what becomes of each call
	retrier := interceptor.New(opts...)
	client, err := generativelanguage.NewGenerativeClient(ctx, append(gapic.ClientOptionsFor(retrier), where...)...)
	if err != nil {
		return nil, err
	}
	gapic.DisableRetry(client.CallOptions) // the attempts of two layers would multiply
	if err := oneLayer(client.CallOptions); err != nil {
		_ = client.Close() // nothing has used the client
		return nil, err
	}
	return client, nil
}

// oneLayer returns an error if a generated client still retries above the interceptors.
func oneLayer(callOptions any) error {
	if twice := gapic.Retries(callOptions); len(twice) > 0 {
		return fmt.Errorf("the client retries %s by itself, above the interceptor: want gapic.DisableRetry", strings.Join(twice, ", "))
	}
	return nil
}
