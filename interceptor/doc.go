// Package interceptor re-invokes gRPC calls that failed, where that helps and
// does no harm. One line installs it on a connection:
//
//	conn, err := grpc.NewClient(target, append(interceptor.DialOptions(), creds)...)
//
// Every unary call and every stream that fails is then classified
// (package codes), looked up in a policy table (package policy) and, if that
// helps, re-invoked after a jittered backoff. It never waits past the
// caller's deadline, never repeats a call that may have run and is not known
// to be repeatable, and never retries what cannot succeed. A stream is re-invoked,
// with what was sent on it, until the caller has been shown its first message or
// its header.
//
// After a refusal that says when to come back, the calls of its quota wait together
// at a gate, also before their first attempt: see [WithGate] and package
// policy/gate. [WithBreaker] lets a circuit breaker end them instead.
//
// # When a retry is not enough
//
// [WithResume] continues a stream that broke after its first message,
// [WithFallback] answers in another way, [WithRefresh] fetches fresh credentials,
// [WithAttemptTimeout] gives up an attempt that is silent, [WithHedge] starts
// another one beside it, and [WithAccept] retries a reply that is no answer. A
// function of the caller's that panics ends its call with INTERNAL and the name of
// the option; one that blocks ends it at its deadline.
//
// # Options
//
// An [Option] configures a connection. A [CallOption] configures a call, and
// is an Option too; give it to the call, to a context ([NewContext], for
// generated clients that hide their call options), to a pattern of methods
// ([WithMethod]) or to the connection. In that order the first that says
// something wins.
//
// What is data can come from a file, and be swapped while calls are running:
// [WithLive] and package policy/policyfile.
//
// # Watching
//
// [WithSlog] and [WithLogger] log every retry, every end without success and every
// recovery; [WithObserver] and [WithGateObserver] are told of them. Package otelretry
// makes metrics and span events of that, and package gapic wires Google's generated
// clients.
//
// # Errors
//
// A call that was tried once returns the server's error untouched, unless an
// option would have allowed a retry. Then, and after retries, the error is an
// [*Error], which has the status of the last attempt whole, so that status.FromError and status.Code see what they would have
// seen, and the history beside it. [FailureOf] and [RetryAfter] tell what
// happened and when to come back.
//
// # Order in a chain
//
// An interceptor that stands left of this one in the chain runs once per
// call, one that stands right of it once per attempt. An interceptor on the
// right has to pass on the call options it was given, and must not use them
// after it has returned.
package interceptor
