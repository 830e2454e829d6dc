package interceptor

import (
	"context"
)

// early says what of a call has to exist before the first attempt; the rest waits for the
// first failure. A larger value includes the smaller.
type early uint8

const (
	nothingEarly  early = iota
	lifeEarly           // the life of the call, for an observer, WithRefresh or a breaker
	settingsEarly       // the settings as well, because some apply to the first attempt
	attemptEarly        // perhaps nothing: the call may be an attempt of another Retrier
)

// earlyOf returns what a call with ctx needs before the first attempt.
func (r *Retrier) earlyOf(ctx context.Context) early {
	e := r.early
	if r.follows && r.live.Early() {
		e = settingsEarly
	}
	if opts := ctx.Value(contextKey{}); opts != nil {
		e = max(e, earliest(opts.([]CallOption))) //nolint:forcetypeassert // the key is ours
	}
	return e
}

// early returns what a call with the option needs before the first attempt.
func (o CallOption) early() early {
	if o.o != nil && o.o.attemptOf != "" {
		return attemptEarly
	}
	if o.o != nil && o.o.early {
		return settingsEarly
	}
	return nothingEarly
}

// earliest returns what a call with all these options needs before the first attempt.
func earliest(opts []CallOption) (e early) {
	for _, o := range opts {
		e = max(e, o.early())
	}
	return e
}
