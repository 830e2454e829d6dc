package interceptor

import (
	"fmt"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// DefaultReplayBuffer is how much a stream may have sent, encoded, for it to be
// retried: 256 KiB, the figure of
// grpc's own retries (grpc.MaxRetryRPCBufferSize).
const DefaultReplayBuffer = 256 << 10

// WithTable sets the whole policy table.
func WithTable(t policy.Table) CallOption {
	return newCallOption(callOption{
		name: "WithTable", err: t.Validate(), kinds: everything, shapes: true,
		apply: func(s *settings) { s.table = t },
	})
}

// WithPolicy replaces one row of the policy table, all its fields: Retries of
// 0 switches retries of the class off.
func WithPolicy(class codes.Class, p policy.Policy) CallOption {
	var t policy.Table
	var err error
	if class < codes.NumClasses {
		t[class] = p
		err = t.Validate()
	} else {
		err = fmt.Errorf("interceptor: WithPolicy: class %d: want 0 to %d", uint8(class), codes.NumClasses-1)
	}
	return newCallOption(callOption{
		name: "WithPolicy", err: err, kinds: everything, shapes: true,
		apply: func(s *settings) { s.table[class] = p },
	})
}

// WithLimits sets the limits of a call; fields of zero leave those in force. A
// MaxAttempts that cuts a row of the table short is an error; to allow less
// than the table does, use [MaxRetries].
func WithLimits(l policy.Limits) CallOption {
	return newCallOption(callOption{
		name: "WithLimits", err: l.Validate(), kinds: everything, shapes: true,
		apply: func(s *settings) { s.Limits = l.Or(s.Limits) },
	})
}

// MaxRetries lets a call make at most n retries, whatever their classes: rows
// of the table that say more are cut, wherever the table was set. It does not
// add retries; for more, give [WithPolicy] or [WithTable]. Note that it counts
// retries, not attempts: with n = 2 the server is called three times at most.
func MaxRetries(n int) CallOption {
	var err error
	if n < 0 {
		err = fmt.Errorf("interceptor: MaxRetries: %d: want >= 0", n)
	}
	return newCallOption(callOption{
		name: "MaxRetries", err: err, kinds: everything, shapes: true,
		apply: func(s *settings) {
			s.capped, s.most = true, n
		},
	})
}

// Disable switches retries off.
func Disable() CallOption {
	return newCallOption(callOption{
		name: "Disable", kinds: everything,
		apply: func(s *settings) { s.disabled = true },
	})
}

// Enable switches retries on again where something further out has switched
// them off with [Disable].
func Enable() CallOption {
	return newCallOption(callOption{
		name: "Enable", kinds: everything,
		apply: func(s *settings) { s.disabled = false },
	})
}

// Repeatable says that running the method twice does no harm, so that it may
// be retried after failures that leave open whether it ran. For a method that
// only reads, or that the server recognises when it comes again.
func Repeatable() CallOption {
	return newCallOption(callOption{
		name: "Repeatable", kinds: everything,
		apply: func(s *settings) { s.Repeatable, s.trusting = new(true), false },
	})
}

// NotRepeatable says that the method must not run twice. It is retried only where
// there is proof that it did not run: no stream was created, or the server refused the
// stream unprocessed; the server asks itself to be called again, by a
// grpc-retry-pushback-ms of 0 or more; a proxy (Envoy) says that it got no connection
// to its upstream; or a QuotaFailure whose ErrorInfo names the service that was called.
// An UNAVAILABLE alone is no proof, unless [TrustUnavailable] is given: a server may have
// done its part before it met what it relays. Given for a connection it holds for every
// method of which nothing else is said.
func NotRepeatable(opts ...NotRepeatableOption) CallOption {
	var trusting bool
	for _, o := range opts {
		trusting = trusting || o.trusting
	}
	return newCallOption(callOption{
		name: "NotRepeatable", kinds: everything,
		apply: func(s *settings) { s.Repeatable, s.trusting = new(false), trusting },
	})
}

// NotRepeatableOption is what [NotRepeatable] may be told beside. Its zero value says
// nothing.
type NotRepeatableOption struct{ trusting bool }

// TrustUnavailable says that the server keeps to AIP-194: an UNAVAILABLE that it sends
// means that it did nothing. It is for those who know their server, as Google's front
// ends are known; what a server relays of a transport of its own is still no proof.
func TrustUnavailable() NotRepeatableOption { return NotRepeatableOption{trusting: true} }

// WithReplayBuffer sets how many bytes, encoded, of what a stream has sent are
// kept until something arrives, so that the stream can be retried: 0 or more,
// [DefaultReplayBuffer] by default. Past it the stream goes on, nothing is kept
// any longer, and a failure is the caller's. A message that is not protobuf's is kept
// if the call's options name its codec (grpc.ForceCodec and its like, a content-subtype)
// and that codec, having decoded it, encodes it as before; else nothing is kept from it on.
// It does not apply to unary calls, whose requests are never copied.
func WithReplayBuffer(bytes int) CallOption {
	var err error
	if bytes < 0 {
		err = fmt.Errorf("interceptor: WithReplayBuffer: %d: want >= 0 bytes", bytes)
	}
	return newCallOption(callOption{
		name: "WithReplayBuffer", err: err, kinds: streams,
		apply: func(s *settings) { s.replay = bytes },
	})
}
