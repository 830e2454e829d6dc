// Package otelretry reports the retries of an [interceptor.Retrier] to OpenTelemetry:
// metrics, and events on the caller's span. The package needs only the OpenTelemetry
// API; the program chooses the SDK and the exporter.
//
//	r := interceptor.New(otelretry.Instrument())
//
// # Metrics
//
// Three metrics are those of gRFC A96. grpc's own stats/opentelemetry counts no retries
// of an interceptor. Package otelretry records the three at the end of each retried or
// hedged call, with the attributes grpc.method and grpc.target:
//
//	grpc.client.call.retries       histogram  {retry}   retries of the call
//	grpc.client.call.hedges        histogram  {hedge}   hedges of the call
//	grpc.client.call.retry_delay   histogram  s         time without a running attempt
//
// The other metrics are Reinvoke's own:
//
//	reinvoke.calls            counter    {call}     ended calls, by reinvoke.outcome
//	reinvoke.attempts         counter    {attempt}  ended attempts, by reinvoke.class and reinvoke.rule
//	reinvoke.gate.wait        histogram  s          time at the gate, of calls with a wait there
//	reinvoke.gate.changes     counter    {change}   gates that closed, began to probe or reopened, by reinvoke.gate.state
//	reinvoke.gates            gauge      {gate}     existing gates, by reinvoke.gate.state
//	reinvoke.gate.waiting     gauge      {call}     calls waiting at gates
//	reinvoke.gate.would_hold  counter    {call}     calls that gates would have held but for a dry run, by reinvoke.gate.in_vain
//	reinvoke.budget.tokens    gauge      {token}    tokens held, by reinvoke.account
//
// A losing hedge is cancelled and does not count as an ended attempt. reinvoke.calls,
// .attempts and .gate.wait also have grpc.method and grpc.target. With [WithName] all
// of Reinvoke's own metrics have reinvoke.name: in a program with several Retriers
// only the names keep the gauges apart.
//
// # Attributes
//
//	grpc.method            full name without the leading slash; "other" outside a fixed set of methods
//	grpc.target            canonical target of the connection; empty for a function of Do
//	reinvoke.outcome       first-try, recovered, exhausted, not-retried, ended
//	reinvoke.class         the 12 classes of package codes; None for a success
//	reinvoke.rule          the classifying rule; none for a success
//	reinvoke.target        name of the target of WithTargets, on calls and attempts there; otherwise absent
//	reinvoke.gate.state    open, closed, probing
//	reinvoke.gate.in_vain  true for a successful call: the gate would have held the call in vain
//	reinvoke.account       tokens, earned
//
// The number of attribute values is bounded. A method belongs to a fixed set if
// generated code says so (grpc.StaticMethod), if the proto of the method is linked
// into the program, or if [WithMethods] says so. Names given to Do are used unchanged
// and must be constants. Rules are those of package codes, some 70, and the caller's
// own; each method and target has a series for each rule seen. No attribute holds a
// gate key, a quota id or a message.
//
// # Dashboard
//
// dashboard.json beside this file is a Grafana dashboard for these metrics under
// their Prometheus names. The program examples/integration/telemetry serves the
// metrics.
//
// Reporting adds about 0.7 µs and two allocations to a call that succeeds at once (go
// test -bench Instrument, in examples/integration).
//
// # Span events
//
// The span in the call's context gets an event for every failed attempt and for every
// wait. If grpc's stats/opentelemetry is installed before the Retrier, this span is
// the call's span, and the attempts are its children:
//
//	reinvoke.attempt  reinvoke.attempt (its number), grpc.status, reinvoke.class, .rule, .reach, .why, .duration (s)
//	reinvoke.wait     reinvoke.attempt (the next attempt), reinvoke.wait (s), reinvoke.gate.wait (s, if any)
package otelretry
