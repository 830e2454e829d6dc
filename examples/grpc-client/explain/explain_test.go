package explain

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
)

// runProgram explains with the flags of the program and returns what it prints, and its
// exit status.
func runProgram(t *testing.T, in string, args ...string) (out, errs string, status int) {
	t.Helper()
	o := Options{In: strings.NewReader(in), Redact: func(s string) string { return s }}
	fs := flag.NewFlagSet("explain", flag.ContinueOnError)
	fs.StringVar(&o.Text, "explain", "", "")
	fs.StringVar(&o.Table, "table", "", "")
	fs.StringVar(&o.Method, "method", "", "")
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	x, err := Of(o)
	if err != nil {
		return "", "grpc-client: " + terminal.OneLine(err.Error()) + "\n", exit.Misused
	}
	return x.String(), "", exit.OK
}

func fileWith(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExplain_whole: what is printed of errors as they are found in logs.
func TestExplain_whole(t *testing.T) {
	const gemini = "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"
	for name, tt := range map[string]struct {
		args []string
		in   string
		want string
	}{
		"a body of JSON in a log": {
			args: []string{"-method", gemini, "-explain", `12:00 ERROR failed {"error": {"code": 429, "message": "Quota exceeded.", "status": "RESOURCE_EXHAUSTED",
				"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "38s"}]}} (x)`},
			want: `status     ResourceExhausted: Quota exceeded.
class      Quota
rule       quota-hint: google/rpc/error_details.proto RetryInfo; the Gemini API's text
reach      Answered: the details can only have come from the server
asks for   38s
method     ` + gemini + ` may run twice: it is in the list for Gemini and Vertex AI
row        2 retries, 5 s to 120 s, x3
retry 1    after 38s to 47.5s (hint)
retry 2    after 38s to 1m2.5s (hint)
then       the call ends with this error: class-exhausted
gate       closes for all calls of this quota on the connection, for 38s to 47.5s, unless many calls show that chance explains the refusal
           one call that was not refused yet goes through after 750ms to 1.25s, and opens it if the server takes it
           a call whose deadline is at most 1.2s away is not sent, nor one at most 2.2s behind another: ResourceExhausted, with a RetryInfo of what is left
           interceptor.WithoutGate() switches it off
`,
		},
		"a connection that is refused": {
			args: []string{"-method", "/a.S/M", "-explain", "-"},
			in:   `level=ERROR err="rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial tcp: connection refused\""`,
			want: `status     Unavailable: connection error: desc = "transport: Error while dialing: dial tcp: connection refused"
class      Network
rule       connection-failed: grpc-go picker_wrapper.go, balancer/base, balancer/pickfirst: what a picker says before there is a stream
reach      Unsent: grpc-go writes this text before there is a stream
method     /a.S/M runs again after an unprocessed request only: nothing is known of it; interceptor.Repeatable() would allow it
row        5 retries, 1 s to 60 s, x2
retry 1    after 1s to 1.5s (backoff)
retry 2    after 2s to 3s (backoff)
retry 3    after 4s to 6s (backoff)
retry 4    after 8s to 12s (backoff)
retry 5    after 16s to 24s (backoff)
then       the call ends with this error: class-exhausted
`,
		},
		"a connection that was cut": {
			args: []string{"-explain", "rpc error: code = Unavailable desc = error reading from server: EOF"},
			want: `status     Unavailable: error reading from server: EOF
class      Network
rule       connection-failed: grpc-go picker_wrapper.go, balancer/base, balancer/pickfirst: what a picker says before there is a stream
reach      Lost: grpc-go wrote this text itself; whether the request was sent is not known
method     any method may run twice: assumed, since no -method was given
row        5 retries, 1 s to 60 s, x2
retry 1    after 1s to 1.5s (backoff)
retry 2    after 2s to 3s (backoff)
retry 3    after 4s to 6s (backoff)
retry 4    after 8s to 12s (backoff)
retry 5    after 16s to 24s (backoff)
then       the call ends with this error: class-exhausted
`,
		},
		"a deadline of the caller's": {
			args: []string{"-explain", "call: rpc error: code = DeadlineExceeded desc = received context error while waiting: context deadline exceeded"},
			want: `status     DeadlineExceeded: received context error while waiting: context deadline exceeded
class      Ended
rule       caller-done: the caller's context is done
reach      Lost: this is the text of the caller's own context, whose time was up or which was cancelled
method     any method may run twice: assumed, since no -method was given
row        never
then       the call ends with this error: caller-ended
`,
		},
		"a method that may not run twice": {
			args: []string{"-method", "/a.S/M", "-explain", "INTERNAL"},
			want: `status     Internal: ` + `
class      Server
rule       internal: Gemini API: An internal error has occurred; a few retries help
reach      Answered: assumed; grpc-go writes no such text itself
method     /a.S/M runs again after an unprocessed request only: nothing is known of it; interceptor.Repeatable() would allow it
row        3 retries, 2 s to 30 s, x2
then       the call ends with this error: not-repeatable, the server may have acted on the request
`,
		},
		"a policy file": {
			args: []string{"-method", "/a.S/M", "-explain", "UNAVAILABLE: busy", "-table", fileWith(t, "retries.yaml",
				"table:\n  Server: {retries: 50, base: 1s, max: 1s, multiplier: 1, jitter: None}\nmethods:\n- {pattern: /a.S/*, timeout: 2.5s, repeatable: true}\n")},
			want: `status     Unavailable: busy
class      Server
rule       unavailable: grpc/codes: the service is currently unavailable
reach      Answered: assumed; grpc-go writes no such text itself
method     /a.S/M may run twice: the section /a.S/* says so
row        50 retries, 1 s to 1 s, x1
retry 1    after 1s (backoff)
retry 2    after 1s (backoff)
then       the call ends with this error: deadline-too-near, the wait does not fit into the timeout of the method
`,
		},
		"a gRPC service config": {
			args: []string{"-method", "/a.S/M", "-explain", "INTERNAL: no", "-table", fileWith(t, "service_config.json",
				`{"methodConfig": [{"name": [{"service": "a.S"}], "retryPolicy": {"maxAttempts": 2, "initialBackoff": "1s", "maxBackoff": "1s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`)},
			want: `status     Internal: no
class      Server
rule       internal: Gemini API: An internal error has occurred; a few retries help
reach      Answered: assumed; grpc-go writes no such text itself
method     /a.S/M may run twice: the section /a.S/* says so
row        1 retry, 1 s to 1 s, x1
then       the call ends with this error: never-retried, waiting does not help, or the table says no
`,
		},
		"many retries": {
			args: []string{"-explain", "UNAVAILABLE", "-table", fileWith(t, "r.yaml", "table:\n  Server: {retries: 50, base: 1ms, max: 1ms, jitter: None}\n")},
			want: `status     Unavailable: ` + `
class      Server
rule       unavailable: grpc/codes: the service is currently unavailable
reach      Answered: assumed; grpc-go writes no such text itself
method     any method may run twice: assumed, since no -method was given
row        50 retries, 0.001 s to 0.001 s, x2
` + manyRetries(10) + `...        up to 50 retries
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs, status := runProgram(t, tt.in, tt.args...)
			if diff := cmp.Diff(tt.want, out); diff != "" || errs != "" || status != exit.OK {
				t.Errorf("exit status %d, %q (-want +got):\n%s", status, errs, diff)
			}
		})
	}
}

func manyRetries(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		_, _ = fmt.Fprintf(&b, "retry %-4d after 1ms (backoff)\n", i)
	}
	return b.String()
}

// TestExplain_forms: errors as libraries print them.
func TestExplain_forms(t *testing.T) {
	ours := status.Error(grpccodes.Unavailable, "busy").Error()
	for text, want := range map[string]struct {
		code    grpccodes.Code
		message string
		details int
	}{
		ours: {grpccodes.Unavailable, "busy", 0},
		"/a.S/M gave up (class-exhausted) after 2 attempts [Unavailable overloaded, Unavailable overloaded]: " + ours: {grpccodes.Unavailable, "busy", 0},
		`time=x level=ERROR msg="call: rpc error: code = Internal desc = a \"b\""`:                                    {grpccodes.Internal, `a "b"`, 0},
		"generate: context canceled":            {grpccodes.Canceled, "context canceled", 0},
		"Post x: context deadline exceeded":     {grpccodes.DeadlineExceeded, "context deadline exceeded", 0},
		"code = ResourceExhausted":              {grpccodes.ResourceExhausted, "", 0},
		"UNAVAILABLE":                           {grpccodes.Unavailable, "", 0},
		"unavailable":                           {grpccodes.Unavailable, "", 0},
		"DeadlineExceeded: late":                {grpccodes.DeadlineExceeded, "late", 0},
		"CANCELLED: gone":                       {grpccodes.Canceled, "gone", 0},
		"Canceled":                              {grpccodes.Canceled, "", 0},
		"14":                                    {grpccodes.Unavailable, "", 0},
		"503: Service Unavailable\nplease wait": {grpccodes.Unavailable, "Service Unavailable\nplease wait", 0},
		"googleapi: Error 429: Too many, rateLimitExceeded":                              {grpccodes.ResourceExhausted, "Too many, rateLimitExceeded", 0},
		"googleapi: got HTTP response code 502 with body: <html>":                        {grpccodes.Unavailable, "<html>", 0},
		"Error 503, Message: The model is overloaded., Status: UNAVAILABLE, Details: []": {grpccodes.Unavailable, "The model is overloaded.", 0},
		`[RETRY] Server: gave up service=a.S grpc.code=Internal retry.class=Server`:      {grpccodes.Internal, "", 0},
		`{"level":"WARN","grpc.code":"Unavailable","retry.message":"busy now"}`:          {grpccodes.Unavailable, "busy now", 0},
		"rpc error: code = ResourceExhausted desc = no\nerror details: name = ErrorInfo reason = RATE_LIMIT_EXCEEDED domain = googleapis.com metadata = map[]\nerror details: retry in 38s": {grpccodes.ResourceExhausted, "", 2},
		`err="bad: {\"error\": {\"code\": 500, \"message\": \"a \\\"b\\\"\"}}"`: {grpccodes.Internal, `a "b"`, 0},
		`{"code": 8, "message": "spent"}`:                                       {grpccodes.ResourceExhausted, "spent", 0},
		`got [{"error": {"code": 500}}] from server`:                            {grpccodes.Internal, "", 0},
		`fields=[a b] {"error": {"code": 500}}`:                                 {grpccodes.Internal, "", 0},
	} {
		p, fault := explain(text)
		st := p.status
		if fault != nil || st.Code() != want.code || (want.details == 0 && st.Message() != want.message) || len(st.Details()) != want.details {
			t.Errorf("%s\n got %v, %v\nwant %+v", text, st, fault, want)
		}
	}
	for _, text := range []string{"", "hello world", "OK", "0", "200: fine", "{}", "17"} {
		if p, fault := explain(text); p.status != nil || fault == nil || !strings.HasPrefix(fault.Error(), "want an error: ") {
			t.Errorf("%q: got %v, %v, want what was expected", text, p.status, fault)
		}
	}
}

// TestExplain_misuse: each in one line that names the flag.
func TestExplain_misuse(t *testing.T) {
	bad := fileWith(t, "bad.yaml", "table:\n  Sever: never\n")
	for want, args := range map[string][]string{
		"-explain: want an error: ": {"-explain", "hello world"},
		"-table: policyfile: " + bad + ":2: table.Sever: unknown: want Auth": {"-explain", "UNKNOWN", "-table", bad},
		"nowhere.yaml: no such file or directory":                            {"-explain", "UNKNOWN", "-table", "nowhere.yaml"},
	} {
		out, errs, status := runProgram(t, "", args...)
		if status != exit.Misused || out != "" || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: got %q, exit status %d, want %q and %d", args, errs, status, want, exit.Misused)
		}
	}
}
