// Command vertex runs the official Vertex AI client with the retries of Reinvoke.
// Without flags the client talks to an embedded server refusing the first attempts;
// with -project, to the real service, with Google's default credentials:
//
//	go run ./vertex
//	go run ./vertex -project my-project -location us-central1 -model gemini-2.5-flash
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	aiplatform "cloud.google.com/go/aiplatform/apiv1"
	pb "cloud.google.com/go/aiplatform/apiv1/aiplatformpb"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
)

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "vertex:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("vertex", flag.ContinueOnError)
	project := fs.String("project", "", "the `project` to ask in; without it the program talks to a server of its own")
	location := fs.String("location", "us-central1", "the `region`, with -project")
	model := fs.String("model", "gemini-2.5-flash", "the `model` to ask")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: want flags only", fs.Arg(0))
	}
	where := []option.ClientOption{option.WithEndpoint(*location + "-aiplatform.googleapis.com:443")}
	if *project == "" {
		embedded, stop, err := new(server).start(ctx)
		if err != nil {
			return err
		}
		defer stop()
		*project, where = "embedded", embedded
	}
	lines := log.New(out, "", 0)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute) // the client has no deadline of its own
	defer cancel()
	client, err := connect(ctx, lines, where)
	if err != nil {
		return err
	}
	defer client.Close() //nolint:errcheck // the process ends
	return ask(ctx, lines, client, fmt.Sprintf("projects/%s/locations/%s/publishers/google/models/%s", *project, *location, *model))
}

// connect returns the client, with the wiring for a program of your own.
func connect(ctx context.Context, out *log.Logger, where []option.ClientOption) (*aiplatform.PredictionClient, error) {
	opts := gapic.ClientOptions(interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		name := e.Method[strings.LastIndex(e.Method, "/")+1:]
		switch {
		case e.Outcome != interceptor.Pending:
			out.Printf("%s: %v, attempts %d", name, e.Outcome, e.Attempt)
		case e.Err != nil:
			out.Printf("%s: attempt %d failed: %v (%s), %v", name, e.Attempt, e.Failure.Class, e.Failure.Rule, e.Decision.Why)
		}
	}))
	client, err := aiplatform.NewPredictionClient(ctx, append(opts, where...)...)
	if err != nil {
		return nil, err
	}
	gapic.DisableRetry(client.CallOptions)
	return client, nil
}

// ask requests a whole answer, then a streamed answer.
func ask(ctx context.Context, out *log.Logger, client *aiplatform.PredictionClient, model string) error {
	request := &pb.GenerateContentRequest{Model: model, Contents: []*pb.Content{
		{Role: "user", Parts: []*pb.Part{{Data: &pb.Part_Text{Text: "Why is the sky blue? Answer in one sentence."}}}},
	}}
	reply, err := client.GenerateContent(ctx, request)
	if err != nil {
		return err
	}
	out.Println(textOf(reply))

	stream, err := client.StreamGenerateContent(ctx, request)
	if err != nil {
		return err
	}
	for {
		reply, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		out.Println(textOf(reply))
	}
}

func textOf(reply *pb.GenerateContentResponse) string {
	var b strings.Builder
	for _, candidate := range reply.GetCandidates() {
		for _, part := range candidate.GetContent().GetParts() {
			b.WriteString(part.GetText())
		}
	}
	return b.String()
}
