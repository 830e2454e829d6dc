package main

import (
	"context"
	"net"
	"strings"
	"testing"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
)

// indiscreet is a server that quotes the key in whatever it says.
type indiscreet struct {
	pb.UnimplementedGenerativeServiceServer
}

func keyOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	return strings.Join(md.Get("x-goog-api-key"), "")
}

func (indiscreet) GenerateContent(ctx context.Context, req *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	if gemini.TextOf(req.GetContents()) == "answer me" {
		return server.Response("Your key is " + keyOf(ctx) + "."), nil
	}
	return nil, status.Error(grpccodes.InvalidArgument, strings.Repeat("x", 60)+" API key not valid: "+keyOf(ctx))
}

func (indiscreet) StreamGenerateContent(_ *pb.GenerateContentRequest, s pb.GenerativeService_StreamGenerateContentServer) error {
	_ = s.Send(server.Response("Your key is " + keyOf(s.Context()) + "."))
	return status.Error(grpccodes.PermissionDenied, keyOf(s.Context()))
}

func TestKey_neverAppears(t *testing.T) {
	t.Parallel()
	const key = `AIza"<Sy>&D-very\secret key`
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	pb.RegisterGenerativeServiceServer(s, indiscreet{})
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)

	out := fresh(t)
	prompts := writeFile(t, "prompts", "answer me\nask\nthe prompt has "+key+" in it\n")
	for name, test := range map[string]struct {
		args   []string
		status int
		shown  bool // that something was redacted
	}{
		"tour":            {nil, exit.Failed, true},
		"tour as JSON":    {[]string{"-json"}, exit.Failed, true},
		"batch":           {[]string{"-prompts", prompts}, exit.Failed, true},
		"batch in JSON":   {[]string{"-prompts", prompts, "-json"}, exit.Failed, true},
		"streamed batch":  {[]string{"-prompts", prompts, "-stream"}, exit.Failed, true},
		"batch in a file": {[]string{"-prompts", prompts, "-out", out}, exit.Failed, false},
		"file name":       {[]string{"-prompts", key}, exit.Misused, true},
		"argument":        {[]string{key}, exit.Misused, true},
		"model":           {[]string{"-prompts", prompts, "-model", key}, exit.Failed, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runWorld(t.Context(), app.World{
				Args:   append([]string{"-endpoint", l.Addr().String(), "-insecure"}, test.args...),
				Getenv: environment(app.KeyVariable, " "+key+"\n"),
			})
			wantStatus(t, got, test.status)
			all := got.out + got.errs
			if name == "batch in a file" {
				all += readFile(t, out)
			}
			for _, spelling := range []string{"AIza", "Sy>", "very", "secret"} {
				if strings.Contains(all, spelling) {
					t.Errorf("the key shows (%q):\n%s", spelling, all)
				}
			}
			if test.shown {
				wantContains(t, all, "[key]")
			}
		})
	}
}
