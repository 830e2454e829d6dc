package otelretry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/reinvoke/reinvoke/interceptor"
)

// addEvents adds events to the caller's span: the wait before an attempt, and the
// attempt's failure.
func addEvents(ctx context.Context, e interceptor.Event) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	if e.Wait > 0 {
		began, number := e.At.Add(-e.Took-e.Wait), e.Attempt
		if e.Outcome != interceptor.Pending { // the call ended during the wait, before the attempt
			began, number = e.At.Add(-e.Wait), e.Attempt+1
		}
		attrs := []attribute.KeyValue{attribute.Int("reinvoke.attempt", number), attribute.Float64("reinvoke.wait", e.Wait.Seconds())}
		if e.AtGate > 0 {
			attrs = append(attrs, attribute.Float64("reinvoke.gate.wait", e.AtGate.Seconds()))
		}
		span.AddEvent("reinvoke.wait", trace.WithTimestamp(began), trace.WithAttributes(attrs...))
	}
	if e.Outcome != interceptor.Pending || e.Err == nil {
		return
	}
	attrs := []attribute.KeyValue{
		attribute.Int("reinvoke.attempt", e.Attempt),
		attribute.String("grpc.status", statusName(e.Failure.Code)),
		classKey.String(e.Failure.Class.String()),
		ruleKey.String(e.Failure.Rule),
		attribute.String("reinvoke.reach", e.Failure.Reach.String()),
		attribute.String("reinvoke.why", e.Decision.Why.String()),
		attribute.Float64("reinvoke.duration", e.Took.Seconds()),
	}
	if e.TargetName != "" {
		attrs = append(attrs, placeKey.String(e.TargetName))
	}
	span.AddEvent("reinvoke.attempt", trace.WithTimestamp(e.At), trace.WithAttributes(attrs...))
}
