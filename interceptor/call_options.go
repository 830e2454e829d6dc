package interceptor

import (
	"fmt"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// DefaultReplayBuffer is the default of [WithReplayBuffer]: 256 KiB of encoded
// messages, the figure of grpc's own retries (grpc.MaxRetryRPCBufferSize).
const DefaultReplayBuffer = 256 << 10

// WithTable sets the whole policy table.
func WithTable(t policy.Table) CallOption {
	return newCallOption(callOption{
		name: "WithTable", err: t.Validate(), kinds: everything, shapes: true,
		apply: func(s *settings) { s.table = t },
	})
}

// WithPolicy replaces one row of the policy table with all its fields. Retries of 0
// switches retries of the class off.
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

// WithLimits sets the limits of a call. Zero fields leave the limits in force. A
// MaxAttempts too small for the retries of a table row is an error; to allow less than
// the table, use [MaxRetries].
func WithLimits(l policy.Limits) CallOption {
	return newCallOption(callOption{
		name: "WithLimits", err: l.Validate(), kinds: everything, shapes: true,
		apply: func(s *settings) { s.Limits = l.Or(s.Limits) },
	})
}

// MaxRetries limits a call to n retries in total, whatever their classes. Table rows
// with more retries are cut, wherever the table was set. MaxRetries never adds retries;
// for more, use [WithPolicy] or [WithTable]. n counts retries, not attempts: with n = 2
// the server is called three times at most.
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

// Enable switches retries on again where a less specific place (context, method or
// connection) has set [Disable].
func Enable() CallOption {
	return newCallOption(callOption{
		name: "Enable", kinds: everything,
		apply: func(s *settings) { s.disabled = false },
	})
}

// Repeatable declares that running the method twice does no harm, so that the method
// may be retried after failures that leave open whether it ran. Use Repeatable for a
// method that only reads, or whose server recognises a repeated request.
func Repeatable() CallOption {
	return newCallOption(callOption{
		name: "Repeatable", kinds: everything,
		apply: func(s *settings) { s.Repeatable, s.trusting = new(true), false },
	})
}

// NotRepeatable declares that the method must not run twice. The method is then retried
// only with proof that nothing ran:
//
//   - no stream was created, or the server refused the stream unprocessed;
//   - the server asks for a retry, by a grpc-retry-pushback-ms of 0 or more;
//   - a proxy (Envoy) says that it got no connection to its upstream;
//   - a QuotaFailure comes with an ErrorInfo that names the called service.
//
// An UNAVAILABLE alone is no proof, unless [TrustUnavailable] is given: the server may
// have done its part before relaying an error from further down. NotRepeatable for a
// connection holds for every method without a more specific declaration.
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

// NotRepeatableOption refines [NotRepeatable]. The zero value changes nothing.
type NotRepeatableOption struct{ trusting bool }

// TrustUnavailable declares that the server follows AIP-194: an UNAVAILABLE sent by the
// server means that nothing ran. Use TrustUnavailable only for a server known to
// comply, such as Google's front ends. An UNAVAILABLE relayed from a transport of the
// server's own is still no proof.
func TrustUnavailable() NotRepeatableOption { return NotRepeatableOption{trusting: true} }

// WithReplayBuffer sets how many bytes of sent messages, encoded, a stream keeps for a
// retry until something arrives from the server: 0 or more, [DefaultReplayBuffer] by
// default. A stream that sends more goes on but keeps nothing, and a failure goes to
// the caller.
//
// A message other than protobuf is kept if the call's options name its codec
// (grpc.ForceCodec and the like, or a content-subtype) and the codec encodes the
// decoded message to the same bytes; otherwise nothing is kept from that message on.
// The option does not apply to unary calls, whose requests are never copied.
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
