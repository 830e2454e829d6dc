package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
)

// nasty is what a terminal obeys, or what splits a line.
const nasty = "bad \n\r\x1b[31mred\x00\x7f\u009b\u202e\u2028\U000e0041 "

// rude is a server that says such things, and 4 MB of them in its errors.
type rude struct {
	pb.UnimplementedGenerativeServiceServer
}

func (rude) GenerateContent(_ context.Context, req *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	if gemini.TextOf(req.GetContents()) == "answer me" {
		return server.Response(nasty), nil
	}
	return nil, status.Error(grpccodes.InvalidArgument, strings.Repeat(nasty, 4<<20/len(nasty)))
}

func (rude) StreamGenerateContent(_ *pb.GenerateContentRequest, s pb.GenerativeService_StreamGenerateContentServer) error {
	_ = s.Send(server.Response(nasty))
	return status.Error(grpccodes.PermissionDenied, nasty)
}

// wantPrintable checks what is printed: lines of printable runes.
func wantPrintable(t *testing.T, text string, most int) {
	t.Helper()
	if len(text) > most || !utf8.ValidString(text) {
		t.Errorf("%d bytes, want at most %d of valid UTF-8: %.300q", len(text), most, text)
	}
	for _, r := range text {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Fatalf("got %U in %.900q", r, text)
		}
	}
}

// TestForeign_whatTheServerSaysIsPrintable: in every form of output. Answers are whole.
func TestForeign_whatTheServerSaysIsPrintable(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	pb.RegisterGenerativeServiceServer(s, rude{})
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	out := fresh(t)
	prompts := writeFile(t, "prompts", "answer me\nask\n")
	for name, args := range map[string][]string{
		"tour": nil, "tour as JSON": {"-json"}, "batch": {"-prompts", prompts}, "batch in JSON": {"-prompts", prompts, "-json"}, "streamed batch": {"-prompts", prompts, "-stream"},
		"batch in a file": {"-prompts", prompts, "-out", out},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runWorld(t.Context(), app.World{
				Args: append([]string{"-endpoint", l.Addr().String(), "-insecure"}, args...), Getenv: environment(app.KeyVariable, "key"),
			})
			wantStatus(t, got, exit.Failed)
			all := got.out + got.errs
			if name == "batch in a file" {
				all += readFile(t, out)
			}
			wantPrintable(t, all, 8<<10)
			wantContains(t, all, `bad \`)
			if name == "batch" {
				if r := records(t, got.out); r[0].Answer != nasty || r[1].Error == nil || len(*r[1].Error) > 512 {
					t.Errorf("got %.900q, want the whole answer, and a bounded error", got.out)
				}
			}
		})
	}
}

// TestForeign_explainedErrorIsPrintable: of its message, its reason, its domain and its
// quota.
func TestForeign_explainedErrorIsPrintable(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(nasty, 200)
	for name, tt := range map[string]struct{ message, reason, domain, quota string }{
		"message": {long, "R", "D", "Q"}, "reason": {"M", long, "D", "Q"}, "domain": {"M", "R", long, "Q"}, "quota": {"M", "R", "D", long},
	} {
		t.Run(name, func(t *testing.T) {
			st, err := status.New(grpccodes.ResourceExhausted, tt.message).WithDetails(
				&errdetails.ErrorInfo{Reason: tt.reason, Domain: tt.domain},
				&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: tt.quota}}},
			)
			if err != nil {
				t.Fatal(err)
			}
			text, err := protojson.Marshal(st.Proto())
			if err != nil {
				t.Fatal(err)
			}
			got := runWorld(t.Context(), app.World{Args: []string{"-explain", "-"}, In: strings.NewReader(string(text))})
			wantStatus(t, got, exit.OK)
			wantPrintable(t, got.out, 3<<10)
			inJSON := runWorld(t.Context(), app.World{Args: []string{"-explain", "-", "-json"}, In: strings.NewReader(string(text))})
			wantPrintable(t, inJSON.out, 64<<10)
			if all := objects(t, inJSON.out); len(all) != 1 || all[0]["message"] != st.Message() {
				t.Errorf("got %.300s, want an object with the whole message", inJSON.out)
			}
			wantContains(t, got.out, "status     ResourceExhausted: ", "reason     ", ", of ", "quota      ", " bytes cut)")
		})
	}
}

// TestForeign_aKeyIsHiddenBeforeATextIsCut: no part of one is left at the end.
func TestForeign_aKeyIsHiddenBeforeATextIsCut(t *testing.T) {
	t.Parallel()
	const key = "AIzaSyA-0123456789"
	for before := 440; before < 520; before++ {
		text := "UNKNOWN: " + strings.Repeat("x", before) + key + strings.Repeat("y", 600)
		got := runWorld(t.Context(), app.World{Args: []string{"-explain", text}, Getenv: environment(app.KeyVariable, key)})
		wantStatus(t, got, exit.OK)
		if strings.Contains(got.out, "AI") {
			t.Errorf("%d bytes before the key: %s", before, got.out)
		}
		err := status.Error(grpccodes.Unknown, text)
		if shown := terminal.Shown(err, terminal.NewRedactor(key)); strings.Contains(shown, "AI") {
			t.Errorf("%d bytes before the key: %s", before, shown)
		}
	}
}
