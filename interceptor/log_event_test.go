package interceptor_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// slogTo returns a logger whose lines have no time.
func slogTo(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

func TestLog_linesOfACallThatRecovers(t *testing.T) {
	var j retrytest.Journal
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(2, grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		ctx := logging.InjectFields(t.Context(), logging.Fields{"tenant", "seven", "retry.rule", "of the caller"})
		if _, err := client.UnaryCall(ctx, &testpb.SimpleRequest{}); err != nil {
			t.Fatal(err)
		}
		const call = " | tenant=seven | retry.rule=of the caller | protocol=grpc | grpc.component=client | grpc.service=grpc.testing.TestService | grpc.method=UnaryCall"
		const fields = call + " | grpc.code=Unavailable | retry.class=Server | retry.why=backoff"
		want := []string{
			"WARN [RETRY] Server: attempt 1 of /grpc.testing.TestService/UnaryCall failed, next in 2s" + fields +
				" | retry.attempt=1 | retry.wait=2s | retry.elapsed=0s | retry.reach=Answered",
			"WARN [RETRY] Server: attempt 2 of /grpc.testing.TestService/UnaryCall failed, next in 4s" + fields +
				" | retry.attempt=2 | retry.wait=4s | retry.elapsed=2s | retry.reach=Answered",
			"INFO [RETRY] recovered: attempt 3 of /grpc.testing.TestService/UnaryCall succeeded" + call +
				" | grpc.code=OK | retry.class=Server | retry.attempt=3 | retry.elapsed=2s",
		}
		if diff := cmp.Diff(want, j.Lines); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	}, interceptor.WithLogger(&j))
}

func TestLog_linesOfACallThatFailsForGood(t *testing.T) {
	var j retrytest.Journal
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, interceptor.MaxRetries(1)); err == nil {
			t.Fatal("got no error")
		}
		const fields = " | protocol=grpc | grpc.component=client | grpc.service=grpc.testing.TestService | grpc.method=UnaryCall" +
			" | grpc.code=Unavailable | retry.class=Server | retry.rule=overloaded"
		want := []string{
			"WARN [RETRY] Server: attempt 1 of /grpc.testing.TestService/UnaryCall failed, next in 2s" + fields +
				" | retry.why=backoff | retry.attempt=1 | retry.wait=2s | retry.elapsed=0s | retry.reach=Answered",
			"ERROR [RETRY] Server: gave up after attempt 2 of /grpc.testing.TestService/UnaryCall (class-exhausted)" + fields +
				" | retry.why=class-exhausted | retry.attempt=2 | retry.wait=0s | retry.elapsed=2s | retry.reach=Answered",
		}
		if diff := cmp.Diff(want, j.Lines); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	}, interceptor.WithLogger(&j))
}

func TestLog_linesOfAQuotaNameIt(t *testing.T) {
	var j retrytest.Journal
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.RefusedByQuota(t))}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, interceptor.MaxRetries(0))
		rule := interceptor.FailureOf(err).Rule
		want := []string{
			"INFO [RETRY] Quota: gate closed for /grpc.testing.TestService/UnaryCall at passthrough:///bufconn, because of " + rule +
				", until 2000-01-01T00:00:07Z: 0 calls wait | retry.gate=closed" +
				" | retry.gate.key=/grpc.testing.TestService/UnaryCall | retry.gate.target=passthrough:///bufconn | retry.gate.waiting=0 | retry.gate.pace=0 | retry.class=Quota" +
				" | retry.rule=" + rule + " | retry.gate.until=2000-01-01 00:00:07 +0000 UTC",
			"DEBUG [RETRY] Quota: not retried after attempt 1 of /grpc.testing.TestService/UnaryCall (never-retried)" +
				" | protocol=grpc | grpc.component=client | grpc.service=grpc.testing.TestService | grpc.method=UnaryCall | grpc.code=ResourceExhausted | retry.class=Quota" +
				" | retry.rule=" + rule + " | retry.why=never-retried | retry.attempt=1 | retry.wait=0s | retry.elapsed=0s | retry.reach=Answered" +
				" | retry.reason=RATE_LIMIT_EXCEEDED | retry.domain=googleapis.com | retry.quota=GenerateRequestsPerMinutePerProjectPerModel",
		}
		if diff := cmp.Diff(want, j.Lines); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
	}, interceptor.WithLogger(&j))
}

func TestLog_levelAndWordsOfTheEnd(t *testing.T) {
	tests := map[string]struct {
		err  error
		opts []interceptor.Option
		want string
	}{
		"a wrong request": {
			status.Error(grpccodes.InvalidArgument, "wrong"), nil, "DEBUG [RETRY] Request: not retried after attempt 1 of f (never-retried)",
		},
		"a failure that is switched off": {
			grpctest.ErrOverloaded, []interceptor.Option{interceptor.Disable()}, "DEBUG [RETRY] Server: not retried after attempt 1 of f (disabled)",
		},
		"a method that may have run": {
			status.Error(grpccodes.Internal, "?"),
			[]interceptor.Option{interceptor.NotRepeatable()},
			"ERROR [RETRY] Server: gave up after attempt 1 of f (not-repeatable): the method may have run, and was declared interceptor.NotRepeatable()",
		},
		"a hint that is too long": {
			grpctest.RefusedWith(t, "quota", &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Hour)}), nil,
			"ERROR [RETRY] Quota: gave up after attempt 1 of f (hint-too-long)",
		},
		"the caller's own end": {
			context.Canceled, nil, "DEBUG [RETRY] Ended: not retried after attempt 1 of f (caller-ended)",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var j retrytest.Journal
			r := interceptor.New(append(tt.opts, interceptor.WithLogger(&j))...)
			_ = r.Do(t.Context(), "f", func(context.Context) error { return tt.err })
			if len(j.Lines) != 1 {
				t.Fatalf("got %q, want one line", j.Lines)
			}
			if got, _, _ := strings.Cut(j.Lines[0], " | "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLog_severalLoggersGetTheSameLines(t *testing.T) {
	var first, second retrytest.Journal
	var text bytes.Buffer
	r := interceptor.New(interceptor.WithLogger(&first), interceptor.WithSlog(slogTo(&text)), interceptor.WithLogger(&second),
		interceptor.WithTable(retrytest.AtOnce(1)))
	_ = r.Do(t.Context(), "f", func(context.Context) error { return grpctest.ErrOverloaded })
	if len(first.Lines) != 2 {
		t.Errorf("got %q, want two lines", first.Lines)
	}
	if diff := cmp.Diff(first.Lines, second.Lines); diff != "" {
		t.Errorf("lines of the second (-first +second):\n%s", diff)
	}
	want := `level=WARN msg="[RETRY] Server: attempt 1 of f failed, next at once" grpc.method=f grpc.code=Unavailable retry.class=Server ` +
		`retry.rule=overloaded retry.why=backoff retry.attempt=1 retry.wait=0s retry.elapsed=0s retry.reach=Lost` + "\n" +
		`level=ERROR msg="[RETRY] Server: gave up after attempt 2 of f (class-exhausted)" grpc.method=f grpc.code=Unavailable retry.class=Server ` +
		`retry.rule=overloaded retry.why=class-exhausted retry.attempt=2 retry.wait=0s`
	if !strings.HasPrefix(text.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", text.String(), want)
	}
}

func TestLog_messagesAreLeftOutUnlessAskedForAndThenRedacted(t *testing.T) {
	const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	tests := map[string]struct{ message, want string }{
		"nothing to hide":       {"The model is overloaded.", "The model is overloaded."},
		"a Google API key":      {"bad key AIzaSyA-0123456789_abcdefghijklmnopqrstu, sorry", "bad key [redacted], sorry"},
		"an OAuth token":        {"token ya29.a0Ab-c_d.Ef expired", "token [redacted] expired"},
		"a bearer token":        {"got Bearer abc.def-ghi", "got [redacted]"},
		"a bearer token, lower": {"got bearer   abc", "got [redacted]"},
		"a header":              {"authorization: Bearer s3cr3t-value", "[redacted]"},
		"a quoted header":       {`{"Authorization": "Bearer s3cr3t-value"}`, `{"[redacted]"}`},
		"basic credentials":     {"Authorization: Basic dXNlcjpwYXNz and more", "[redacted] and more"},
		"a query":               {"GET /v1?key=s3cr3t&alt=sse", "GET /v1?[redacted]&alt=sse"},
		"an assignment":         {`api_key = "s3cr3t" is wrong`, `[redacted]" is wrong`},
		"a password":            {"password: s3cr3t, user: u", "[redacted], user: u"},
		"a JWT":                 {"jwt " + jwt + " is expired", "jwt [redacted] is expired"},
		"a token and a key":     {"access_token=s3cr3t key=s3cr3t", "access_[redacted] [redacted]"},
		"several lines":         {"first\nkey=s3cr3t\nlast", `first\n[redacted]\nlast`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var with, without retrytest.Journal
			for _, opts := range [][]interceptor.Option{
				{interceptor.WithLogger(&with), interceptor.WithMessages()},
				{interceptor.WithLogger(&without)},
			} {
				r := interceptor.New(append(opts, interceptor.WithTable(retrytest.AtOnce(1)))...)
				_ = r.Do(t.Context(), "f", func(context.Context) error { return status.Error(grpccodes.Unavailable, tt.message) })
			}
			for _, line := range with.Lines {
				if _, got, _ := strings.Cut(line, " | retry.message="); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
			for _, line := range append(with.Lines, without.Lines...) {
				if strings.Contains(line, "s3cr3t") || strings.Contains(line, "AIza") || strings.Contains(line, "dXNlc") {
					t.Errorf("a secret in %q", line)
				}
			}
			for _, line := range without.Lines {
				if strings.Contains(line, "retry.message") || strings.Contains(line, tt.message) {
					t.Errorf("a message in %q", line)
				}
			}
		})
	}
}

func TestLog_isSilentByDefault(t *testing.T) {
	var text bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slogTo(&text))
	defer slog.SetDefault(before)
	r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithMessages())
	_ = r.Do(t.Context(), "f", func(context.Context) error { return grpctest.ErrOverloaded })
	if text.Len() != 0 {
		t.Errorf("got %q, want silence", text.String())
	}
}
