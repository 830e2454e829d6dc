package interceptor

import (
	"context"
)

// early is what of a call has to be there before its first attempt; the rest waits for
// its first failure. The larger includes the smaller.
type early uint8

const (
	nothingEarly  early = iota
	lifeEarly           // its life: someone is told that it begins, or is asked before
	settingsEarly       // its settings too: they say something of the first attempt
)

// earlyOf returns what of the calls with a context has to be early.
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

// early returns what of a call that has the option has to be early.
func (o CallOption) early() early {
	if o.o != nil && o.o.early {
		return settingsEarly
	}
	return nothingEarly
}

// earliest returns the same for a call that has all these options.
func earliest(opts []CallOption) (e early) {
	for _, o := range opts {
		e = max(e, o.early())
	}
	return e
}
