package explain

import (
	"testing"

	"google.golang.org/api/googleapi"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// TestExplain_http: answers by HTTP, as servers, curl, net/http and clients print them.
func TestExplain_http(t *testing.T) {
	const body = `{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}`
	api := (&googleapi.Error{ // google.golang.org/api, of the version in go.mod
		Code: 429, Message: "Quota",
		Details: []any{map[string]any{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"}, map[string]any{"@type": "type.googleapis.com/x.Y"}},
	}).Error()
	answer := func(text string, code grpccodes.Code, message string, class codes.Class) sample {
		return sample{text: text, code: code, message: message, class: class, reach: codes.Answered}
	}
	explainSamples(t, map[string]sample{
		"a status":            answer("429 Too Many Requests", grpccodes.ResourceExhausted, "Too Many Requests", codes.Quota),
		"a status in a text":  answer("server returned 502 Bad Gateway", grpccodes.Unavailable, "Bad Gateway", codes.Server),
		"a status line":       answer("HTTP/1.1 503 Service Unavailable", grpccodes.Unavailable, "Service Unavailable", codes.Server),
		"a status code":       answer("unexpected status code: 504", grpccodes.DeadlineExceeded, "", codes.Timeout),
		"a number and a text": answer("503: no healthy upstream", grpccodes.Unavailable, "no healthy upstream", codes.Server),
		"a code of gRPC":      answer("ClientError: 429 RESOURCE_EXHAUSTED.", grpccodes.ResourceExhausted, "RESOURCE_EXHAUSTED.", codes.Quota),
		"curl -i":             answer("HTTP/2 429 \nserver: x\n\n"+body, grpccodes.ResourceExhausted, "m", codes.Quota),
		"a body in a text":    answer("API Error (429 "+body+") · Retrying in 32 seconds… (attempt 7/10)", grpccodes.ResourceExhausted, "m", codes.Quota),
		"what a proxy says": answer("HTTP/1.1 503 Service Unavailable\n\n"+`{"error": {"code": 503, "message": "error reading from server: EOF"}}`,
			grpccodes.Unavailable, "error reading from server: EOF", codes.Server),
		"googleapi": {
			text: api, code: grpccodes.ResourceExhausted, message: "Quota", details: "RetryInfo", class: codes.Quota, reach: codes.Answered,
			unread: `a detail of the type "type.googleapis.com/x.Y"`,
		},
		"googleapi, the body": answer((&googleapi.Error{Code: 429, Body: body}).Error(), grpccodes.ResourceExhausted, "m", codes.Quota),
	})
	for _, text := range []string{"hello 429 bananas", "took 503 ms", "line 500: x", "line 500 12 errors", "429", "200 OK", "12:00 hello", "HTTP/1.1 204 No Content"} {
		if p, err := explain(text); text != "429" && err == nil {
			t.Errorf("%q: got %v, want an error", text, p.status)
		}
	}
}

// TestExplain_json: which object in a text is the error.
func TestExplain_json(t *testing.T) {
	explainSamples(t, map[string]sample{
		"in the message of a JavaScript client (google-gemini/gemini-cli#22486)": {
			text: `[API Error: {"error":{"message":"{\n  \"error\": {\n    \"code\": 429,\n    \"message\": \"no\",\n    \"status\": \"RESOURCE_EXHAUSTED\",\n    \"details\": [{\"@type\": \"type.googleapis.com/google.rpc.RetryInfo\", \"retryDelay\": \"11s\"}]\n  }\n}\n","code":429,"status":"Too Many Requests"}}]`,
			code: grpccodes.ResourceExhausted, message: "no", details: "RetryInfo", class: codes.Quota, reach: codes.Answered,
		},
		"a log line with a code": {
			text: `{"level": "error", "code": 400, "msg": "call failed", "error": "rpc error: code = Unavailable desc = {\"error\": {\"code\": 400}}", "grpc.service": "a.S", "grpc.method": "M"}`,
			code: grpccodes.Unavailable, message: `{"error": {"code": 400}}`, class: codes.Server, reach: codes.Answered, method: "/a.S/M",
		},
		"a log line with an error in it": {
			text: `{"severity": "ERROR", "err": {"error": {"code": 500, "message": "x"}}}`,
			code: grpccodes.Internal, message: "x", class: codes.Server, reach: codes.Answered,
		},
		"a google.rpc.Status": {
			text: `{"code": 8, "message": "no", "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}, {"@type": "type.googleapis.com/x.Y"}]}`,
			code: grpccodes.ResourceExhausted, message: "no", details: "RetryInfo", class: codes.Quota, reach: codes.Answered, unread: `a detail of the type "type.googleapis.com/x.Y"`,
		},
		"grpcurl v1.9": {
			text: "ERROR:\n  Code: ResourceExhausted\n  Message: Write rate limit exceeded\n  Details:\n  1)\t{\n    \t  \"@type\": \"type.googleapis.com/google.rpc.RetryInfo\",\n    \t  \"retryDelay\": \"3s\"\n    \t}\n",
			code: grpccodes.ResourceExhausted, message: "Write rate limit exceeded", details: "RetryInfo", class: codes.Quota, reach: codes.Answered,
		},
	})
}
