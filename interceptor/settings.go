package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/policy"
)

// settings is what options have said about a call.
type settings struct {
	table policy.Table
	knobs
}

// knobs are the settings beside the table.
type knobs struct {
	limits     policy.Limits
	codes      policy.CodeSet // that alone are retried
	repeatable answer
	disabled   bool
	replay     int // bytes

	capped bool // to most retries, by MaxRetries
	most   int

	deadline time.Duration // of the call; zero for none
	ready    answer        // whether attempts wait for a connection
	timeout  time.Duration // of an attempt; zero for none
	hedge    hedging
	accept   AcceptFunc   // nil for every answer
	fallback FallbackFunc // nil for none
	resume   *resuming    // nil for none
}

// answer is yes, no, or nothing said.
type answer uint8

const (
	unsaid answer = iota
	yes
	no
)

// apply applies a CallOption; one without effect is skipped.
func (s *settings) apply(o CallOption) {
	if o.o != nil && o.o.err == nil {
		o.o.apply(s)
	}
}

// cap applies MaxRetries, once all options have been applied.
func (s *settings) cap() {
	if !s.capped {
		return
	}
	s.table = s.table.Capped(s.most)
	if s.limits.Effective(&s.table).MaxAttempts-1 > s.most {
		s.limits.MaxAttempts = s.most + 1
	}
}

// validate returns an error if the table and the limits are invalid or do not
// fit each other.
func (s *settings) validate() error {
	return policy.Config{Table: s.table, Limits: s.limits}.Validate()
}

// resolve returns the settings of a call: those of the connection, overridden
// by those of the method, the context and the call, in that order. The table
// in force is returned apart, so that a call without overrides copies none.
// It is asked after a failure, never before.
func (r *Retrier) resolve(ctx context.Context, method string, opts []grpc.CallOption) (*policy.Table, knobs) {
	cfg, section := r.live.For(method)
	fromMethod, override := r.forMethod(section, method)
	if fromMethod == nil && override == nil && len(fromContext(ctx)) == 0 && !hasCallOption(opts) {
		k := r.base.knobs
		k.limits = cfg.Limits
		return &cfg.Table, k
	}
	s := r.settle(ctx, method, opts)
	return &s.table, s.knobs
}

// uncapped returns the settings of the connection before its MaxRetries, which
// options further in may replace.
func (r *Retrier) uncapped(cfg *policy.Config) settings {
	s := r.base
	if !s.capped {
		s.table, s.limits = cfg.Table, cfg.Limits
	}
	return s
}

// settle is resolve for a call that has overrides.
func (r *Retrier) settle(ctx context.Context, method string, opts []grpc.CallOption) *settings {
	cfg, section := r.live.For(method)
	fromMethod, override := r.forMethod(section, method)
	s := new(settings)
	*s = r.uncapped(cfg)
	if override != nil {
		s.override(override)
	}
	for _, o := range fromMethod {
		s.apply(o)
	}
	for _, o := range fromContext(ctx) {
		s.apply(o)
	}
	for _, o := range opts {
		if o, ok := o.(CallOption); ok {
			s.apply(o)
		}
	}
	s.cap()
	return s
}

// override applies a method section of the Config.
func (s *settings) override(m *policy.Method) {
	for class, p := range m.Rows {
		s.table[class] = p
	}
	s.limits = m.Limits.Or(s.limits)
	if m.Repeatable != nil {
		s.repeatable = answerOf(*m.Repeatable)
	}
	if m.WaitForReady != nil {
		s.ready = answerOf(*m.WaitForReady)
	}
	s.codes, s.deadline = m.Codes, m.Timeout
	if m.Hedge.Attempts > 0 {
		s.hedge = hedging{m.Hedge.Delay, m.Hedge.Attempts}
	}
}

func answerOf(b bool) answer {
	if b {
		return yes
	}
	return no
}

// forMethod returns what WithMethod and the Config say of a method: only the
// longest pattern counts, and WithMethod's where both have it.
func (r *Retrier) forMethod(override *policy.Method, method string) ([]CallOption, *policy.Method) {
	best := policy.MostSpecific(r.methods, func(m *methodOptions) string { return m.pattern }, method)
	switch {
	case best == nil:
		return nil, override
	case override != nil && policy.MoreSpecific(override.Pattern, best.pattern):
		return nil, override
	}
	return best.opts, nil
}

// hasCallOption reports whether one of our own is among the options.
func hasCallOption(opts []grpc.CallOption) bool {
	for _, o := range opts {
		if _, ok := o.(CallOption); ok {
			return true
		}
	}
	return false
}
