package codes

import (
	"fmt"
	"time"

	"google.golang.org/grpc/metadata"
)

// Reach is how far an attempt got before it failed. It decides whether a
// method that must not run twice may be sent again; it does not decide the
// class by itself. The zero value is [Lost], which is what is assumed where
// nothing is known.
type Reach uint8

// The reaches.
const (
	// Lost: the request may have been sent, and no one can tell whether the
	// server acted on it.
	Lost Reach = iota
	// Unsent: the server has not seen the request: no stream was ever
	// created, or the server said that it did not process it.
	Unsent
	// Answered: the peer itself sent this status.
	Answered
)

// String returns the name of the reach, or "Reach(n)" for a number that is
// none.
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

// Evidence is what an attempt left behind beside its error, and what the
// caller had left when it ended. The zero value claims nothing: the attempt
// was not watched and counts as [Lost], and the caller has all the time in
// the world.
type Evidence struct {
	// Watched says that Stream, Header and Trailer are facts. Without it
	// they are ignored.
	Watched bool
	// Stream says that a stream was created. A unary call knows it from a
	// Trailer variable, nil before the call, that grpc has written; a stream
	// from NewStream having returned no error.
	Stream bool
	// Doubtful says that a missing stream may be a missing report: nothing has
	// shown yet that whoever stands between leaves the trailers to us. No text
	// says Unsent then, since servers relay texts.
	Doubtful bool
	// Header is the response header, or nil if there was none or it was not
	// looked at.
	Header metadata.MD
	// Trailer is the response trailer. One that is not empty was sent by the
	// peer: a trailers-only response carries its content-type.
	Trailer metadata.MD

	// Starting says that the program has just started, so that the machine may not
	// have its identity yet. Within a minute of that is usual.
	Starting bool

	// Caller is Err() of the caller's own context: nil while it is alive.
	Caller error
	// Deadline says that the caller has a deadline, and Remaining how far
	// away that is (zero or less: it has passed).
	Deadline  bool
	Remaining time.Duration
}

// reach tells how far an attempt got, from evidence alone; details says that
// the status carried details. Where there was a stream only its peer attaches
// them; where there was none they are those of another call, such as the one
// that fetches a token.
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

// firsthand reports whether a text in a status that the peer has not sent is known to
// be of this attempt's own transport.
func (e *Evidence) firsthand() bool { return e.Watched && !e.Doubtful }

// headed reports whether the peer began to respond: what it sends after that
// it cannot have left unprocessed.
func (e *Evidence) headed() bool { return e.Watched && len(e.Header) > 0 }

// asked returns when the peer asked to be called again: its pushback, and the delay of
// the keys retry-after and retry-after-ms, the largest one, or zero.
func (e *Evidence) asked() (pushback Pushback, retryAfter time.Duration) {
	if !e.Watched {
		return Pushback{}, 0
	}
	if len(e.Trailer) > 1 || (len(e.Trailer) == 1 && e.Trailer["content-type"] == nil) { // most have no more than that
		pushback, retryAfter = parsePushback(e.Trailer), parseRetryAfter(e.Trailer)
	}
	if len(e.Header) > 0 {
		retryAfter = max(retryAfter, parseRetryAfter(e.Header))
	}
	return pushback, retryAfter
}
