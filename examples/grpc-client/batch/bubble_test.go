package batch

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"
	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini/geminitest"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// inBubble runs a batch of so many prompts in a bubble, with an embedded server that has a
// quota, and returns how long the batch took.
func inBubble(t *testing.T, q server.Quota, b *Batch, prompts int, opts ...interceptor.Option) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		pipe := grpctest.Listen()
		srv := server.Serve(pipe, q.Within(time.Now(), server.PlanMarked))
		defer srv.Stop()
		b.Connect = func(ctx context.Context, watch func(interceptor.GateEvent)) (*generativelanguage.GenerativeClient, func(), error) {
			client, err := geminitest.Dial(ctx, append(
				gemini.PlainText("passthrough:///embedded", grpc.WithPerRPCCredentials(&server.Tokens{})),
				option.WithGRPCDialOption(grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return pipe.DialContext(ctx) })),
			), append(opts, interceptor.WithGateObserver(watch))...)
			return client, func() { _ = client.Close() }, err
		}
		var text strings.Builder
		for n := range prompts {
			_, _ = fmt.Fprintf(&text, "prompt %d\n", n)
		}
		b.Prompts, b.In, b.Server, b.Model, b.Redactor = "-", strings.NewReader(text.String()), "embedded", "models/test", terminal.NewRedactor("")
		if b.Screen == nil {
			b.Screen = terminal.New(&bytes.Buffer{}, false, nothing)
		}
		began := time.Now()
		if _, err := b.Run(t.Context()); err != nil {
			t.Error(err)
		}
		took = time.Since(began)
	})
	return took
}

// nothing is an environment without variables.
func nothing(string) string { return "" }
