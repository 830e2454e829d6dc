package gate

// State is what a [Gate] does with those who arrive.
type State uint8

// The states.
const (
	// Open: calls go through, at a pace if there is one.
	Open State = iota
	// Closed: no call goes through until a time that the server has named.
	Closed
	// Probing: one call at a time goes through, to find out.
	Probing
)

// String returns the name as logs and metrics spell it.
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

// Verdict is what becomes of a call at the gate.
type Verdict uint8

// The verdicts.
const (
	// Wait: the call is in the queue.
	Wait Verdict = iota
	// Pass: it goes through now.
	Pass
	// Refuse: its turn cannot come before its deadline.
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
