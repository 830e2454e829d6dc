package gate

// State is how a [Gate] treats arriving calls.
type State uint8

// The states of a [Gate].
const (
	// Open: calls go through, at a pace if there is one.
	Open State = iota
	// Closed: calls wait until a time named by the server.
	Closed
	// Probing: one call at a time goes through, to test the server.
	Probing
)

// String returns the name used in logs and metrics.
func (s State) String() string {
	switch s {
	case Open:
		return "open"
	case Closed:
		return "closed"
	case Probing:
		return "probing"
	}
	return "unknown"
}

// MarshalText returns the name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Verdict is the decision of a [Gate] about a call.
type Verdict uint8

// The verdicts of a [Gate].
const (
	// Wait: the call is in the queue.
	Wait Verdict = iota
	// Pass: the call goes through now.
	Pass
	// Refuse: the turn of the call cannot come before its deadline.
	Refuse
)

// String returns the name.
func (v Verdict) String() string {
	switch v {
	case Wait:
		return "wait"
	case Pass:
		return "pass"
	case Refuse:
		return "refuse"
	}
	return "unknown"
}
