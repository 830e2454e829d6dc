package codes

import (
	"fmt"
	"time"

	"google.golang.org/grpc/metadata"
)

// Reach is how far an attempt got before it failed. Reach decides whether a method
// that must not run twice may be sent again; it does not decide the class by itself.
// The zero value is [Lost], the assumption where nothing is known.
type Reach uint8

// The reaches.
const (
	// Lost: the request may have been sent, and nobody knows whether the server acted
	// on it.
	Lost Reach = iota
	// Unsent: the server has not processed the request. No stream was ever created,
	// or the server said so.
	Unsent
	// Answered: the peer sent this status.
	Answered
)

// String returns the name of the reach, or "Reach(n)" for any other number.
func (r Reach) String() string {
	switch r {
	case Lost:
		return "Lost"
	case Unsent:
		return "Unsent"
	case Answered:
		return "Answered"
	}
	return fmt.Sprintf("Reach(%d)", uint8(r))
}

// MarshalText returns the name of the reach.
func (r Reach) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Evidence is the trace of a failed attempt beside its error, and the time left to
// the caller when the attempt ended. The zero value claims nothing: the attempt was
// not watched and counts as [Lost], and the caller has no deadline.
type Evidence struct {
	// Watched says that Stream, Header and Trailer are facts. Otherwise Classify
	// ignores them.
	Watched bool
	// Stream says that a stream was created. For a unary call the proof is a Trailer
	// variable, nil before the call, written by grpc; for a stream, a nil error from
	// NewStream.
	Stream bool
	// Doubtful says that a false Stream may be a missing report: nothing has shown
	// yet that the interceptors between here and grpc pass our trailer variable on.
	// No text then proves [Unsent], since servers relay texts.
	Doubtful bool
	// Header is the response header, or nil if there was none or the header was not
	// read.
	Header metadata.MD
	// Trailer is the response trailer. A trailer with entries was sent by the peer: a
	// trailers-only response carries its content-type.
	Trailer metadata.MD

	// Starting says that the program has just started (usually within the last
	// minute), so that the machine may not have its identity yet.
	Starting bool

	// Caller is Err() of the caller's own context: nil while the context is alive.
	Caller error
	// Deadline says that the caller has a deadline; Remaining is the time left until
	// then, zero or less once the deadline has passed.
	Deadline  bool
	Remaining time.Duration
}

// reach returns how far an attempt got, from evidence alone; details says that the
// status carried details. With a stream, only the peer attaches details. Without a
// stream, the details belong to another call, such as a token fetch.
func (e *Evidence) reach(details bool) Reach {
	switch {
	case e.Watched && len(e.Trailer) > 0:
		return Answered
	case e.Watched && !e.Stream && !e.Doubtful:
		return Unsent
	case details:
		return Answered
	}
	return Lost
}

// firsthand reports whether a status text not sent by the peer is known to come from
// this attempt's own transport.
func (e *Evidence) firsthand() bool { return e.Watched && !e.Doubtful }

// headed reports whether the peer began to respond. A status sent after response
// headers cannot mean that the request was left unprocessed.
func (e *Evidence) headed() bool { return e.Watched && len(e.Header) > 0 }

// asked returns the peer's pushback, and the largest delay in the keys retry-after
// and retry-after-ms, or zero.
func (e *Evidence) asked() (pushback Pushback, retryAfter time.Duration) {
	if !e.Watched {
		return Pushback{}, 0
	}
	if len(e.Trailer) > 1 || (len(e.Trailer) == 1 && e.Trailer["content-type"] == nil) { // most trailers hold the content-type alone
		pushback, retryAfter = parsePushback(e.Trailer), parseRetryAfter(e.Trailer)
	}
	if len(e.Header) > 0 {
		retryAfter = max(retryAfter, parseRetryAfter(e.Header))
	}
	return pushback, retryAfter
}
