package explain

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// statusWith returns a status with details.
func statusWith(t *testing.T, code grpccodes.Code, message string, details ...protoadapt.MessageV1) *status.Status {
	t.Helper()
	st := status.New(code, message)
	if len(details) == 0 {
		return st
	}
	st, err := st.WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// TestExplain_asTheInterceptor: what is explained of the text of a failure, of the line
// that the interceptor has logged and of its error is what it has done.
func TestExplain_asTheInterceptor(t *testing.T) {
	const orders, gemini = "/shop.v1.Orders/Place", "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"
	for name, f := range map[string]failing{
		"overload":                          {status: status.New(grpccodes.Unavailable, "busy"), reach: codes.Answered},
		"overload, not repeatable":          {method: orders, status: status.New(grpccodes.Unavailable, "busy"), reach: codes.Answered},
		"INTERNAL, not repeatable":          {method: orders, status: status.New(grpccodes.Internal, "oops"), reach: codes.Answered},
		"INTERNAL, repeatable by its name":  {method: gemini, status: status.New(grpccodes.Internal, "oops"), reach: codes.Answered},
		"a hint":                            {method: gemini, status: statusWith(t, grpccodes.ResourceExhausted, "no", &errdetails.RetryInfo{RetryDelay: durationpb.New(38 * time.Second)}), reach: codes.Answered},
		"a spent quota":                     {method: gemini, status: statusWith(t, grpccodes.ResourceExhausted, "no", &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: "RequestsPerDay"}}}), reach: codes.Answered},
		"a reason":                          {method: orders, status: statusWith(t, grpccodes.PermissionDenied, "no", &errdetails.ErrorInfo{Reason: "SERVICE_DISABLED", Domain: "googleapis.com"}), reach: codes.Answered},
		"no connection, not repeatable":     {method: orders, status: status.New(grpccodes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`), reach: codes.Unsent},
		"a connection cut":                  {status: status.New(grpccodes.Unavailable, "error reading from server: EOF"), reach: codes.Lost},
		"a connection cut, not repeatable":  {method: orders, status: status.New(grpccodes.Unavailable, "error reading from server: EOF"), reach: codes.Lost},
		"a refused stream, not repeatable":  {method: orders, status: status.New(grpccodes.Unavailable, "stream terminated by RST_STREAM with error code: REFUSED_STREAM"), reach: codes.Lost},
		"a token that could not be fetched": {method: orders, status: status.New(grpccodes.Unauthenticated, "transport: per-RPC creds failed due to error: dial tcp: i/o timeout"), reach: codes.Unsent},
		"pushback":                          {status: status.New(grpccodes.Unavailable, "busy"), trailer: metadata.Pairs("grpc-retry-pushback-ms", "700"), reach: codes.Answered},
		"a relayed text":                    {method: orders, status: status.New(grpccodes.Unavailable, "error reading from server: EOF"), reach: codes.Answered},
		"a request":                         {method: orders, status: status.New(grpccodes.InvalidArgument, "no: code = Internal desc = x"), reach: codes.Answered},
		"JSON in the text":                  {method: orders, status: status.New(grpccodes.Internal, `{"error": {"code": 400, "message": "x", "status": "INVALID_ARGUMENT"}}`), reach: codes.Answered},
	} {
		t.Run(name, func(t *testing.T) {
			f.config = policy.DefaultConfig()
			call := f.play(t)
			f.agree(t, f.paste(t), call)
			f.agreeOnLog(t, call)
		})
	}
}

// paste returns the text of the failure, with what the server has sent beside it: the
// status as JSON if it has details, which no text has.
func (f *failing) paste(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if f.reach == codes.Answered {
		b.WriteString("content-type: application/grpc\n")
	}
	for key, values := range f.trailer {
		for _, value := range values {
			b.WriteString(key + ": " + value + "\n")
		}
	}
	return b.String() + statusText(t, f.status)
}

// TestExplain_notRepeatable: a line of ours that says so is believed, whatever is known
// of the method.
func TestExplain_notRepeatable(t *testing.T) {
	const method = "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"
	f := failing{config: policy.DefaultConfig(), method: method, status: status.New(grpccodes.Internal, "oops"), reach: codes.Answered}
	call := f.play(t, interceptor.NotRepeatable())
	for _, text := range []string{call.log[0], call.err.Error(), "2026/11/01 10:00:00 generate: " + call.err.Error()} {
		out, errs, status := runProgram(t, text, "-explain", "-")
		if status != exit.OK || !strings.Contains(out, method+" runs again after an unprocessed request only: the text says so") || !strings.Contains(out, "this error: not-repeatable") {
			t.Errorf("%s\n got %s%s", text, out, errs)
		}
	}
	const noMessage = "[RETRY] grpc.code=Unavailable retry.class=Server retry.rule=deadline-expired retry.why=not-repeatable retry.reach=Answered"
	if out, _, _ := runProgram(t, "", "-explain", noMessage); !strings.Contains(out, "this error: not-repeatable") {
		t.Errorf("%s\n got %s", noMessage, out)
	}
	out, _, _ := runProgram(t, "", "-explain", call.log[0], "-method", "/google.ai.generativelanguage.v1beta.GenerativeService/CountTokens")
	if !strings.Contains(out, "CountTokens may run twice") {
		t.Errorf("another method: got %s", out)
	}
}

// TestExplain_logLines: lines that lack something say what.
func TestExplain_logLines(t *testing.T) {
	const json = `{"level":"WARN","msg":"[RETRY] Quota: attempt 1 of /a.S/M failed, next in 41s","grpc.service":"a.S","grpc.method":"M","grpc.code":"ResourceExhausted","retry.class":"Quota","retry.rule":"quota-hint","retry.why":"hint","retry.wait":"41s","retry.reach":"Answered"}`
	explainSamples(t, map[string]sample{
		"JSON, without a message": {
			text: json, code: grpccodes.ResourceExhausted, details: "RetryInfo", class: codes.Quota, reach: codes.Answered, method: "/a.S/M",
			unread: "the message of the status: interceptor.WithMessages logs it; the delay that the server asked for: taken for it is the wait, which was longer",
		},
		"quoted by another log": {
			text: `level=INFO line="` + strings.ReplaceAll(json, `"`, `\"`) + `"`, code: grpccodes.ResourceExhausted, details: "RetryInfo", class: codes.Quota, reach: codes.Answered, method: "/a.S/M",
			unread: "the message of the status",
		},
		"a call that was lost": {
			text: `[RETRY] Network: gave up grpc.service=a.S grpc.method=M grpc.code=Unavailable retry.class=Network retry.rule=connection-failed retry.why=class-exhausted retry.reach=Lost retry.message="transport is closing"`,
			code: grpccodes.Unavailable, message: "transport is closing", class: codes.Network, reach: codes.Lost, method: "/a.S/M",
		},
		"go-grpc-middleware v2": {
			text: `level=ERROR msg="finished call" protocol=grpc grpc.component=client grpc.service=a.S grpc.method=M grpc.code=Internal grpc.error="rpc error: code = Internal desc = oops" grpc.time_ms=1.5`,
			code: grpccodes.Internal, message: "oops", class: codes.Server, reach: codes.Answered, method: "/a.S/M",
		},
		"the code alone": {
			text: "finished call grpc.service=a.S grpc.method=M grpc.code=NotFound grpc.time_ms=1.5",
			code: grpccodes.NotFound, class: codes.Request, reach: codes.Answered, method: "/a.S/M",
			unread: "the line has its code alone",
		},
		"fields behind a text": {
			text: "rpc error: code = Unavailable desc = busy grpc.service=a.S grpc.method=M",
			code: grpccodes.Unavailable, message: "busy", class: codes.Server, reach: codes.Answered, method: "/a.S/M",
		},
		"an error of ours, cut": {
			text: "/a.S/M gave up (class-exhausted) after 2 attempts [Unavailable overloaded, Unavailable overloaded X]: rpc error: code = Unavailable desc = aa… (4096 bytes cut)",
			code: grpccodes.Unavailable, message: "aa… (4096 bytes cut)", class: codes.Server, reach: codes.Answered, method: "/a.S/M",
			unread: "why its history names the rule overloaded: the class is that of the text alone; the end of the message, which was cut",
		},
	})
}
