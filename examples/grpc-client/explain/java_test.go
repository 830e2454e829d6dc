package explain

import (
	"testing"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// TestExplain_java: grpc-java 1.6x and gax-java 2.5x, as reported in
// googleapis/google-cloud-java#10983, #11054, #4595 and #9208.
func TestExplain_java(t *testing.T) {
	const capacity = "Unable to submit request because the service is temporarily out of capacity. Try again later."
	explainSamples(t, map[string]sample{
		"a stack trace": {
			text: "Exception in thread \"main\" io.grpc.StatusRuntimeException: UNAVAILABLE: The model is overloaded.\n" +
				"\tat io.grpc.stub.ClientCalls.toStatusRuntimeException(ClientCalls.java:268)\n\t... 12 more\n",
			code: grpccodes.Unavailable, message: "The model is overloaded.", class: codes.Server, reach: codes.Answered,
		},
		"a message of two lines, with its cause": {
			text: "io.grpc.StatusRuntimeException: INTERNAL: one\ntwo\nCaused by: java.lang.IllegalStateException: three",
			code: grpccodes.Internal, message: "one\ntwo", class: codes.Server, reach: codes.Answered,
		},
		"without a description": {
			text: "    => io.grpc.StatusRuntimeException: RESOURCE_EXHAUSTED\n       com.google.cloud.vision.it.ITSystemTest.executeRequest(ITSystemTest.java:275)",
			code: grpccodes.ResourceExhausted, class: codes.Quota, reach: codes.Answered, unread: notPrinted,
		},
		"Kotlin": {
			text: "2026-01-25T17:42:14.231+0300 [QUIET] [system.out] io.grpc.StatusException: NOT_FOUND: no such model",
			code: grpccodes.NotFound, message: "no such model", class: codes.Request, reach: codes.Answered,
		},
		"gax": {
			text: "java.util.concurrent.ExecutionException: com.google.api.gax.rpc.ResourceExhaustedException: io.grpc.StatusRuntimeException: RESOURCE_EXHAUSTED: " +
				capacity + "\n\tat com.google.common.util.concurrent.AbstractFuture.getDoneValue(AbstractFuture.java:594)",
			code: grpccodes.ResourceExhausted, message: capacity, class: codes.Quota, reach: codes.Answered, unread: notPrinted,
		},
		"gax, too large a message": {
			text: "com.google.api.gax.rpc.ResourceExhaustedException: io.grpc.StatusRuntimeException: RESOURCE_EXHAUSTED: gRPC message exceeds maximum size 4194304: 7790801\n\n\tat com.google.api.gax.rpc.ApiExceptionFactory.createException(ApiExceptionFactory.java:57)",
			code: grpccodes.ResourceExhausted, message: "gRPC message exceeds maximum size 4194304: 7790801", class: codes.Request, reach: codes.Answered, unread: notPrinted,
		},
		"gax without the exception in it": {
			text: "com.google.api.gax.rpc.DeadlineExceededException: deadline exceeded after 9.9s",
			code: grpccodes.DeadlineExceeded, message: "deadline exceeded after 9.9s", class: codes.Timeout, reach: codes.Answered,
		},
		"gax over HTTP": {
			text: "com.google.api.gax.rpc.ResourceExhaustedException: com.google.api.client.http.HttpResponseException: 429 Too Many Requests\nPOST https://x.googleapis.com/v1/x\n" +
				`{"error": {"code": 429, "message": "Quota", "status": "RESOURCE_EXHAUSTED", "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "9s"}]}}`,
			code: grpccodes.ResourceExhausted, message: "Quota", details: "RetryInfo", class: codes.Quota, reach: codes.Answered,
		},
		"Status.toString": {
			text: "failed: Status{code=ABORTED, description=conflict, cause=null}",
			code: grpccodes.Aborted, message: "conflict", class: codes.Conflict, reach: codes.Answered,
		},
	})
}
