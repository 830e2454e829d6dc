package explain

import (
	"testing"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// TestExplain_grpcio: grpcio 1.71.0, as it printed failures of a server and of a dead
// port; older ones from GoogleCloudPlatform/python-docs-samples#1238.
func TestExplain_grpcio(t *testing.T) {
	const exhausted = "Resource has been exhausted (e.g. check quota)."
	const inactive = "<_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.RESOURCE_EXHAUSTED\n\tdetails = \"" + exhausted + "\"\n" +
		"\tdebug_error_string = \"UNKNOWN:Error received from peer  {created_time:\"2026-12-01T00:27:15.392026813+00:00\", grpc_status:8, grpc_message:\"" + exhausted + "\"}\"\n>"
	explainSamples(t, map[string]sample{
		"what a server said": {
			text: "grpc._channel._InactiveRpcError: " + inactive,
			code: grpccodes.ResourceExhausted, message: exhausted, class: codes.Quota, reach: codes.Answered, unread: notPrinted,
		},
		"in one line": {
			text: `<AioRpcError of RPC that terminated with: status = StatusCode.UNAVAILABLE details = "The model is "overloaded"." debug_error_string = "UNKNOWN:..." >`,
			code: grpccodes.Unavailable, message: `The model is "overloaded".`, class: codes.Server, reach: codes.Answered,
		},
		"a dead port": {
			text: "<_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.UNAVAILABLE\n\tdetails = \"failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host: connect: Connection refused (111)\"\n\tdebug_error_string = \"UNKNOWN:Error received from peer  {grpc_status:14}\"\n>",
			code: grpccodes.Unavailable, class: codes.Network, reach: codes.Unsent,
			message: "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host: connect: Connection refused (111)",
		},
		"without debug_error_string": {
			text: "<_MultiThreadedRendezvous of RPC that terminated with:\n\tstatus = StatusCode.INTERNAL\n\tdetails = \"oops\"\n>",
			code: grpccodes.Internal, message: "oops", class: codes.Server, reach: codes.Answered,
		},
		"before 1.16": {
			text: "grpc._channel._Rendezvous: <_Rendezvous of RPC that terminated with (StatusCode.RESOURCE_EXHAUSTED, Resource has been exhausted (e.g check quota).)>",
			code: grpccodes.ResourceExhausted, message: "Resource has been exhausted (e.g check quota).", class: codes.Quota, reach: codes.Answered, unread: notPrinted,
		},
	})
}

// TestExplain_apiCore: google-api-core 2.24.1, as it printed exceptions with and without
// details; the text without them is that of GoogleCloudPlatform/python-docs-samples#3482.
func TestExplain_apiCore(t *testing.T) {
	const list = "[violations {\n  subject: \"a:b\"\n  description: \"d \\\"x\\\"\\ny\"\n}\n, reason: \"RATE_LIMIT_EXCEEDED\"\ndomain: \"googleapis.com\"\nmetadata {\n  key: \"quota_limit\"\n  value: \"WritesPerDay\"\n}\n, retry_delay {\n  seconds: 38\n}\n]"
	const writes = "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute' of service 'cloudkms.googleapis.com' for consumer 'project_number:1'."
	explainSamples(t, map[string]sample{
		"details": {
			text: "google.api_core.exceptions.ResourceExhausted: 429 You exceeded " + list,
			code: grpccodes.ResourceExhausted, message: "You exceeded", details: "QuotaFailure ErrorInfo RetryInfo", class: codes.Spent, reach: codes.Answered,
		},
		"details in a log": {
			text: "ERROR google.api_core.exceptions.ResourceExhausted: 429 You exceeded " + list + "\nINFO [next]",
			code: grpccodes.ResourceExhausted, message: "You exceeded", details: "QuotaFailure ErrorInfo RetryInfo", class: codes.Spent, reach: codes.Answered,
		},
		"a traceback, with its cause": {
			text: "grpc._channel._InactiveRpcError: <_InactiveRpcError of RPC that terminated with:\n\tstatus = StatusCode.RESOURCE_EXHAUSTED\n\tdetails = \"You exceeded\"\n>\n\n" +
				"The above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\ngoogle.api_core.exceptions.ResourceExhausted: 429 You exceeded " + list,
			code: grpccodes.ResourceExhausted, message: "You exceeded", details: "QuotaFailure ErrorInfo RetryInfo", class: codes.Spent, reach: codes.Answered,
		},
		"details, by themselves": {
			text: "429 You exceeded " + list,
			code: grpccodes.ResourceExhausted, message: "You exceeded", details: "QuotaFailure ErrorInfo RetryInfo", class: codes.Spent, reach: codes.Answered,
		},
		"a detail of another type": {
			text: "google.api_core.exceptions.ServiceUnavailable: 503 busy [retry_delay {\n  seconds: 3\n}\n, reasons: \"x\"\n]",
			code: grpccodes.Unavailable, message: "busy", details: "RetryInfo", class: codes.Server, reach: codes.Answered, unread: `a detail that begins with "reasons:"`,
		},
		"no details": {
			text: "google.api_core.exceptions.ResourceExhausted: 429 " + writes,
			code: grpccodes.ResourceExhausted, message: writes, class: codes.Quota, reach: codes.Answered,
		},
		"no name": {
			text: "429 Resource has been exhausted (e.g. check quota).",
			code: grpccodes.ResourceExhausted, message: "Resource has been exhausted (e.g. check quota).", class: codes.Quota, reach: codes.Answered,
		},
	})
}

// TestExplain_genaiPython: google-genai 1.39.1 (errors.py), as reported in
// googleapis/python-genai#1427, #2065 and google-gemini/gemini-cli#8437.
func TestExplain_genaiPython(t *testing.T) {
	explainSamples(t, map[string]sample{
		"details": {
			text: `Generate error: 429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'message': "You exceeded your current quota. Can't go on.\nSee x.", 'status': 'RESOURCE_EXHAUSTED', ` +
				`'details': [{'@type': 'type.googleapis.com/google.rpc.QuotaFailure', 'violations': [{'quotaMetric': 'generativelanguage.googleapis.com/generate_content_free_tier_requests', ` +
				`'quotaId': 'GenerateRequestsPerDayPerProjectPerModel-FreeTier', 'quotaDimensions': {'model': 'gemini-2.5-flash-preview-image', 'location': 'global'}}]}, ` +
				`{'@type': 'type.googleapis.com/google.rpc.RetryInfo', 'retryDelay': '38s'}]}}`,
			code: grpccodes.ResourceExhausted, message: "You exceeded your current quota. Can't go on.\nSee x.", details: "QuotaFailure RetryInfo", class: codes.Spent, reach: codes.Answered,
		},
		"escapes and constants": {
			text: `google.genai.errors.ClientError: 400 INVALID_ARGUMENT. {'error': {'code': 400, 'message': 'caf\xe9 \u20ac \'x\' \\', 'status': 'INVALID_ARGUMENT', 'a': None, 'b': [True, False]}} (attempt 2)`,
			code: grpccodes.InvalidArgument, message: `café € 'x' \`, class: codes.Request, reach: codes.Answered,
		},
		"an answer that is no JSON": {
			text: "google.genai.errors.ServerError: 503 Service Unavailable. {'message': 'no healthy upstream', 'status': 'Service Unavailable'}",
			code: grpccodes.Unavailable, message: "no healthy upstream", class: codes.Server, reach: codes.Answered,
		},
		"the dict alone": {
			text: "{'error': {'code': 429, 'message': 'Quota', 'status': 'RESOURCE_EXHAUSTED'}}",
			code: grpccodes.ResourceExhausted, message: "Quota", class: codes.Quota, reach: codes.Answered,
		},
		"a text that was cut": {
			text: "google.genai.errors.ClientError: 429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'mess",
			code: grpccodes.ResourceExhausted, message: "RESOURCE_EXHAUSTED", class: codes.Quota, reach: codes.Answered, unread: "the text is cut, or no dict",
		},
	})
}
