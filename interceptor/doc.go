// Package interceptor re-invokes failed gRPC calls where a retry helps and does no
// harm. One line installs the interceptors on a connection:
//
//	conn, err := grpc.NewClient(target, append(interceptor.DialOptions(), creds)...)
//
// The interceptors classify every failed unary call and stream (package codes), look
// the failure up in a policy table (package policy) and, where a retry helps, re-invoke
// the call after a jittered backoff. No wait goes past the caller's deadline. A call
// that may have run is repeated only if its method is known to be repeatable. A call
// that cannot succeed is never retried. A stream is re-invoked, and the messages sent
// so far are sent again, until the caller has seen the first message or the header.
//
// After a refusal with a hint of when to come back, the calls of the same quota wait
// together at a gate, also before their first attempt: see [WithGate] and package
// policy/gate. With [WithBreaker], a circuit breaker ends the calls instead.
//
// # When a retry is not enough
//
// [WithResume] continues a stream that broke after its first message. [WithFallback]
// answers in another way. [WithRefresh] fetches fresh credentials. [WithAttemptTimeout]
// gives up a silent attempt. [WithHedge] starts another attempt beside a silent
// attempt. [WithAccept] retries a reply that the caller rejects. If a function given to
// these options panics, the call ends with INTERNAL and the name of the option; if the
// function blocks, the call ends at its deadline.
//
// # Options
//
// An [Option] configures a connection. A [CallOption] configures a call, and is an
// Option too. Give a CallOption to the call, to a context ([NewContext], for generated
// clients that hide their call options), to a pattern of methods ([WithMethod]) or to
// the connection. The first of these places, in this order, wins for each setting.
//
// Configuration that is data can come from a file, and be swapped while calls are
// running: see [WithLive] and package policy/policyfile.
//
// # Watching
//
// [WithSlog] and [WithLogger] log every retry, every end without success and every
// recovery. [WithObserver] and [WithGateObserver] pass events to functions. Package
// otelretry turns events into metrics and span events. Package gapic wires Google's
// generated clients.
//
// # Errors
//
// A call with a single attempt returns the server's error untouched, unless an option
// would have allowed a retry. In that case, and after retries, the error is an [*Error]
// with the history and the whole status of the last attempt: status.FromError and
// status.Code return the same as without this package. [FailureOf] tells what happened,
// [RetryAfter] when to call again.
//
// # Order in a chain
//
// An interceptor left of this one in the chain runs once per call. An interceptor right
// of this one runs once per attempt, must pass on the call options it was given, and
// must not use the options after returning.
package interceptor
