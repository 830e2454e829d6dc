package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/policy"
)

// settings is the combined result of the options for a call.
type settings struct {
	table policy.Table
	knobs
}

// knobs are the settings besides the table.
type knobs struct {
	policy.Settings
	trusting bool // UNAVAILABLE proves that nothing ran: TrustUnavailable
	disabled bool
	replay   int    // bytes
	quota    string // WithQuotaName; empty for none

	capped bool // MaxRetries was set, to most
	most   int

	attemptTimeout time.Duration // zero for none
	accept         AcceptFunc    // nil for every answer
	fallback       FallbackFunc  // nil for none
	resume         *resuming     // nil for none

	targets  []Target // other places; nil for none
	patience time.Duration

	fallsBackAfter bool // FallbackAfter was set, to fallbackAfter
	fallbackAfter  time.Duration
}

// apply applies a CallOption. An invalid or zero option is skipped.
func (s *settings) apply(o CallOption) {
	if o.o != nil && o.o.err == nil {
		o.o.apply(s)
	}
}

// cap applies MaxRetries, after all other options.
func (s *settings) cap() {
	if !s.capped {
		return
	}
	s.table = s.table.Capped(s.most)
	if s.Limits.Effective(&s.table).MaxAttempts-1 > s.most {
		s.Limits.MaxAttempts = s.most + 1
	}
}

// validate returns an error if the table or the limits are invalid, or do not fit each
// other.
func (s *settings) validate() error {
	return policy.Config{Table: s.table, Limits: s.Limits}.Validate()
}

// resolve returns the settings of a call: those of the connection, overridden by those
// of the method, the context and the call, in that order. The table is a separate
// result, so that a call without overrides copies no table. Unless a setting is needed
// early, or a gate is there, a call resolves only after a failure.
func (r *Retrier) resolve(ctx context.Context, method string, opts []grpc.CallOption) (*policy.Table, knobs) {
	cfg, section := r.live.For(method)
	fromMethod, section := r.forMethod(section, method)
	if fromMethod == nil && section == nil && len(fromContext(ctx)) == 0 && !hasCallOption(opts) {
		k := r.base.knobs
		k.Limits = cfg.Limits
		if len(cfg.Targets) > 0 {
			k.targets = r.targetsOf(cfg, nil) //nolint:contextcheck // what it logs is of no call
		}
		return &cfg.Table, k
	}
	s := r.settle(ctx, method, opts)
	return &s.table, s.knobs
}

// uncapped returns the settings of the connection before its MaxRetries applies,
// because a method, a context or a call may set another MaxRetries.
func (r *Retrier) uncapped(cfg *policy.Config) settings {
	s := r.base
	if !s.capped {
		s.table, s.Limits = cfg.Table, cfg.Limits
	}
	return s
}

// settle is resolve for a call with overrides.
func (r *Retrier) settle(ctx context.Context, method string, opts []grpc.CallOption) *settings {
	cfg, section := r.live.For(method)
	fromMethod, section := r.forMethod(section, method)
	s := new(settings)
	*s = r.uncapped(cfg)
	section.Override(&s.table, &s.Settings)
	if len(cfg.Targets) > 0 || (section != nil && section.Targets != nil) {
		s.targets = r.targetsOf(cfg, section) //nolint:contextcheck // likewise
	}
	if section != nil && section.Repeatable != nil {
		s.trusting = false
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

// forMethod returns the options of WithMethod or the section of the Config for a
// method. Only the longest pattern counts; WithMethod wins a tie.
func (r *Retrier) forMethod(section *policy.Method, method string) ([]CallOption, *policy.Method) {
	best := policy.MostSpecific(r.methods, func(m *methodOptions) string { return m.pattern }, method)
	switch {
	case best == nil:
		return nil, section
	case section != nil && policy.MoreSpecific(section.Pattern, best.pattern):
		return nil, section
	}
	return best.opts, nil
}

// hasCallOption reports whether opts contain a CallOption.
func hasCallOption(opts []grpc.CallOption) bool {
	for _, o := range opts {
		if _, ok := o.(CallOption); ok {
			return true
		}
	}
	return false
}
