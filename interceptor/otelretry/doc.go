// Package otelretry reports the retries of a [interceptor.Retrier] to
// OpenTelemetry: metrics, and events on the span of the caller. It needs the API
// alone; the program chooses the SDK and the exporter.
//
//	r := interceptor.New(otelretry.Instrument())
//
// # Metrics
//
// Three are those of gRFC A96, which grpc's own stats/opentelemetry does not record for
// retries that are not its own. They are recorded when a call ends, for those that were
// retried or hedged; each has the attributes grpc.method and grpc.target:
//
//	grpc.client.call.retries       histogram  {retry}   retries of the call
//	grpc.client.call.hedges        histogram  {hedge}   hedges of the call
//	grpc.client.call.retry_delay   histogram  s         time without an attempt under way
//
// The others are our own:
//
//	reinvoke.calls            counter    {call}     calls that ended, by reinvoke.outcome
//	reinvoke.attempts         counter    {attempt}  attempts that ended, by reinvoke.class and reinvoke.rule
//	reinvoke.gate.wait        histogram  s          time at the gate, of calls that waited there
//	reinvoke.gate.changes     counter    {change}   gates that closed, began to probe or reopened, by reinvoke.gate.state
//	reinvoke.gates            gauge      {gate}     gates there are, by reinvoke.gate.state
//	reinvoke.gate.waiting     gauge      {call}     calls that wait at gates
//	reinvoke.gate.would_hold  counter    {call}     calls that gates would have held in a dry run, by reinvoke.gate.in_vain
//	reinvoke.budget.tokens    gauge      {token}    tokens held, by reinvoke.account
//
// Hedges that lost are cancelled, and are no attempts that ended. reinvoke.calls, .attempts and .gate.wait have grpc.method and grpc.target too. All
// of our own have reinvoke.name if [WithName] was given: where a program has several
// Retriers, only their names keep the gauges apart.
//
// # Attributes
//
//	grpc.method            full name without the slash in front; "other" for one that is not of a fixed set
//	grpc.target            canonical target of the connection; empty for a function of Do
//	reinvoke.outcome       first-try, recovered, exhausted, not-retried, ended
//	reinvoke.class         the 12 classes of package codes; None for a success
//	reinvoke.rule          the rule that classified it; none for a success
//	reinvoke.gate.state    open, closed, probing
//	reinvoke.gate.in_vain  true if the call succeeded, so that it would have been held in vain
//	reinvoke.account       tokens, earned
//
// Their number is bounded. A method counts as one of a fixed set where generated code
// says so (grpc.StaticMethod), where its proto is linked into the program, or where
// [WithMethods] says so; names given to Do count as they are, and must be constants. Rules are those of
// package codes, some 70, and the caller's own; for one method and target there is a
// series for each rule that was seen. Keys of gates, quota ids and messages are in no
// attribute.
//
// # Dashboard
//
// dashboard.json beside this file is a dashboard for Grafana over these metrics, as
// Prometheus names them. examples/integration/telemetry is a program that serves them.
//
// A call that succeeds at once costs about 0.7 µs and two allocations more when it is
// reported (go test -bench Instrument, in examples/integration).
//
// # Span events
//
// The span in the context of the call gets an event for every failed attempt and for
// every wait. With grpc's stats/opentelemetry installed before the Retrier that is
// the span of the call, whose attempts are its children:
//
//	reinvoke.attempt  reinvoke.attempt (its number), grpc.status, reinvoke.class, .rule, .reach, .why, .duration (s)
//	reinvoke.wait     reinvoke.attempt (that was waited for), reinvoke.wait (s), reinvoke.gate.wait (s, if any of it)
package otelretry
