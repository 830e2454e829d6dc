package app

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
	if textOf(req.GetContents()) == "answer me" {
		return response("Your key is " + keyOf(ctx) + "."), nil
	}
	return nil, status.Error(grpccodes.InvalidArgument, strings.Repeat("x", 60)+" API key not valid: "+keyOf(ctx))
}

func (indiscreet) StreamGenerateContent(_ *pb.GenerateContentRequest, s pb.GenerativeService_StreamGenerateContentServer) error {
	_ = s.Send(response("Your key is " + keyOf(s.Context()) + "."))
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
		"tour":            {nil, failed, true},
		"tour as JSON":    {[]string{"-json"}, failed, true},
		"batch":           {[]string{"-prompts", prompts}, failed, true},
		"streamed batch":  {[]string{"-prompts", prompts, "-stream"}, failed, true},
		"batch in a file": {[]string{"-prompts", prompts, "-out", out}, failed, false},
		"file name":       {[]string{"-prompts", key}, misused, true},
		"argument":        {[]string{key}, misused, true},
		"model":           {[]string{"-prompts", prompts, "-model", key}, failed, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runWorld(t.Context(), world{
				args:   append([]string{"-endpoint", l.Addr().String(), "-insecure"}, test.args...),
				getenv: environment(keyVariable, " "+key+"\n"),
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
