package explain

import (
	"strconv"
	"testing"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/policy"
)

// FuzzExplain: whatever is pasted, there is an error or an explanation, of a failure, that
// can be printed.
func FuzzExplain(f *testing.F) {
	for _, seed := range []string{
		`rpc error: code = Unavailable desc = connection error: desc = "x"`, `level=WARN err="rpc error: code = Internal desc = a \"b\""`,
		"Error 429, Message: m, Status: RESOURCE_EXHAUSTED, Details: [map[@type:type.googleapis.com/google.rpc.RetryInfo retryDelay:32s] map[a:[b] c:map[]]]",
		`429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'message': "it's \xe9 \u20ac", 'a': [True, None]}}`,
		"google.api_core.exceptions.ResourceExhausted: 429 no [retry_delay {\n  seconds: 38\n}\n, links {\n}\n]",
		"<_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n\tdetails = \"x\"\n>",
		"com.google.api.gax.rpc.UnavailableException: io.grpc.StatusRuntimeException: UNAVAILABLE: x\n\tat a.b(C.java:1)",
		`[RETRY] Quota: attempt 1 of /a.S/M failed grpc.service=a.S grpc.method=M grpc.code=ResourceExhausted retry.class=Quota retry.rule=x retry.why=hint retry.wait=41s retry.reach=Lost`,
		"/a.S/M failed for good (not-repeatable) after 1 attempt [Internal internal X]; x: rpc error: code = Internal desc = x",
		"ERROR:\n  Code: ResourceExhausted\n  Message: m\n  Details:\n  1)\t{\"@type\": \"x\"}", "retry-after: 27\nHTTP/2 503 \n\n{\"error\": {\"message\": \"{}\"}}",
		"googleapi: Error 429: m\nDetails:\n[{}]", "Status{code=ABORTED, description=x, cause=null}", "14 UNAVAILABLE: x", "context canceled", "400{'':{\xe4\xe4\xe4 10\x05\x7f",
		"rpc error: code = Internal desc = x\nerror details: name = ErrorInfo reason = A domain = b metadata = map[a:b\nerror details: retry in 3s",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := explain(text)
		if err != nil {
			return
		}
		if code := p.status.Code(); code == grpccodes.OK {
			t.Errorf("%q: got %v, want a failure", text, p.status)
		}
		x, err := newExplanation(policy.DefaultConfig(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range x.String() {
			if r != '\n' && !strconv.IsPrint(r) {
				t.Errorf("%q: explained with %q", text, r)
			}
		}
	})
}
