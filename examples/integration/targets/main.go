// Command targets survives the quota of a day: when the model asked for is spent, its calls
// go to the next model, over gRPC and over REST. Without flags the program talks to an
// embedded server whose first model is spent; with -key, to the real Gemini API:
//
//	go run ./targets
//	go run ./targets -key "$GEMINI_API_KEY"
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/api/option"
	"google.golang.org/genai"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
	"github.com/reinvoke/reinvoke/interceptor/google"
	"github.com/reinvoke/reinvoke/interceptor/rest"
)

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "targets:", err)
		os.Exit(1)
	}
}

// ask is a program of 20 lines: it asks over gRPC, and then over REST.
func ask(ctx context.Context, log *slog.Logger, out io.Writer, where place) error {
	r := interceptor.New(interceptor.WithTargets(google.Models("gemini-2.5-flash-lite")...), interceptor.WithSlog(log))

	client, err := generativelanguage.NewGenerativeClient(ctx, append(gapic.ClientOptionsFor(r), where.grpc...)...)
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // the process ends
	gapic.DisableRetry(client.CallOptions)
	reply, err := client.GenerateContent(ctx, question("models/gemini-2.5-flash"))
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "gRPC:", textOf(reply))

	over, err := genai.NewClient(ctx, &genai.ClientConfig{APIKey: where.key, HTTPClient: rest.Client(r, nil), HTTPOptions: genai.HTTPOptions{BaseURL: where.url}})
	if err != nil {
		return err
	}
	answer, err := over.Models.GenerateContent(ctx, "gemini-2.5-flash", genai.Text("Why is the sky blue?"), nil)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "REST:", answer.Text())
	return nil
}

// place is where the program asks.
type place struct {
	grpc []option.ClientOption
	url  string // of the REST API; empty for Google's
	key  string
}

// run is the program with its flags.
func run(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("targets", flag.ContinueOnError)
	key := fs.String("key", "", "the `key` of the Gemini API; without it the program talks to a server of its own")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: want flags only", fs.Arg(0))
	}
	where := place{grpc: []option.ClientOption{option.WithAPIKey(*key)}, key: *key}
	if *key == "" {
		embedded, stop, err := new(server).start(ctx)
		if err != nil {
			return err
		}
		defer stop()
		where = embedded
	}
	return ask(ctx, slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{ReplaceAttr: brief})), out, where)
}

// brief leaves only the messages in the log.
func brief(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.MessageKey {
		return a
	}
	return slog.Attr{}
}

// question asks a model.
func question(model string) *pb.GenerateContentRequest {
	return &pb.GenerateContentRequest{
		Model: model, Contents: []*pb.Content{{Role: "user", Parts: []*pb.Part{{Data: &pb.Part_Text{Text: "Why is the sky blue?"}}}}},
	}
}

// textOf returns the text of a reply.
func textOf(reply *pb.GenerateContentResponse) string {
	for _, c := range reply.GetCandidates() {
		for _, p := range c.GetContent().GetParts() {
			return p.GetText()
		}
	}
	return ""
}
