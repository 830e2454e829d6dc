package codes

import grpccodes "google.golang.org/grpc/codes"

// This file is the last resort: the class by status code when no other rule decided.
// A server that says UNAVAILABLE is in trouble; without a stream there was no server
// to say so. For a lost attempt grpc-go's own texts (rules_grpc.go) have already
// decided, so that the remaining statuses are the server's.

// codeRules are tried in order and look at no text.
var codeRules = []Rule{
	{Name: "cancelled-by-server", Class: Server, Codes: []grpccodes.Code{grpccodes.Canceled}, Reaches: []Reach{Answered}, Source: "HTTP 499 while the caller is alive"},
	{Name: "cancelled", Class: Network, Codes: []grpccodes.Code{grpccodes.Canceled}, Source: "no one but the transport is left to have cancelled it"},
	{Name: "unavailable-unsent", Class: Network, Codes: []grpccodes.Code{grpccodes.Unavailable}, Reaches: []Reach{Unsent}, Source: "no stream was created"},
	{Name: "unavailable", Class: Server, Codes: []grpccodes.Code{grpccodes.Unavailable}, Source: "grpc/codes: the service is currently unavailable"},
	{Name: "internal", Class: Server, Codes: []grpccodes.Code{grpccodes.Internal}, Source: "Gemini API: An internal error has occurred; a few retries help"},
	{Name: "resource-exhausted", Class: Quota, Codes: exhausted, Source: "grpc/codes: quota, or out of space"},
	{Name: "deadline-exceeded", Class: Timeout, Codes: []grpccodes.Code{grpccodes.DeadlineExceeded}, Source: "the caller has time left"},
	{Name: "aborted", Class: Conflict, Codes: []grpccodes.Code{grpccodes.Aborted}, Source: "grpc/codes: retry at a higher level"},
	{Name: "unauthenticated", Class: Auth, Codes: []grpccodes.Code{grpccodes.Unauthenticated}, Source: "grpc/codes"},
	{Name: "permission-denied", Class: Auth, Codes: []grpccodes.Code{grpccodes.PermissionDenied}, Source: "grpc/codes"},
	{Name: "invalid-argument", Class: Request, Codes: []grpccodes.Code{grpccodes.InvalidArgument}, Source: "grpc/codes: wrong whatever the state of the system"},
	{Name: "not-found", Class: Request, Codes: []grpccodes.Code{grpccodes.NotFound}, Source: "grpc/codes"},
	{Name: "already-exists", Class: Request, Codes: []grpccodes.Code{grpccodes.AlreadyExists}, Source: "grpc/codes"},
	{Name: "failed-precondition", Class: Request, Codes: []grpccodes.Code{grpccodes.FailedPrecondition}, Source: "grpc/codes: not until the state was fixed"},
	{Name: "out-of-range", Class: Request, Codes: []grpccodes.Code{grpccodes.OutOfRange}, Source: "grpc/codes"},
	{Name: "unimplemented", Class: Request, Codes: []grpccodes.Code{grpccodes.Unimplemented}, Source: "grpc/codes"},
	{Name: "data-loss", Class: Request, Codes: []grpccodes.Code{grpccodes.DataLoss}, Source: "grpc/codes: unrecoverable"},
}

// otherRule is for UNKNOWN, for codes unknown to gRPC and for errors without a
// status.
var otherRule = Rule{Name: "other", Class: Other, Source: "judgement: nothing is known of it"}

// The rules for failures caused by the caller.
var (
	callerDoneRule     = Rule{Name: "caller-done", Class: Ended, Source: "the caller's context is done"}
	callerDeadlineRule = Rule{Name: "caller-deadline", Class: Ended, Source: "DEADLINE_EXCEEDED arrives up to 10 ms before the context's own"}
	contextErrorRule   = Rule{Name: "context-error", Class: Ended, Source: "an error of package context that is no status"}
)
