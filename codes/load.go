package codes

// Load is the meaning of a class of failure for the load of the server. The zero
// value is none of the constants.
type Load uint8

// The meanings.
const (
	// Accepted: there was no failure.
	Accepted Load = iota + 1
	// Refused: a limit that refills soon refused the call. The server works, but at
	// its limit.
	Refused
	// Troubled: the server failed, is overloaded or does not answer.
	Troubled
	// Unrelated: the failure concerns this call alone. If the server sent the
	// failure, the server works.
	Unrelated
	// Untold: the caller ended the call, so that nothing is known.
	Untold
)

// loads returns the Load of each class, indexed by class. A missing entry for a new
// last class does not compile, because the length follows from the last entry.
func loads() [NumClasses]Load {
	return [...]Load{
		None: Accepted, Quota: Refused, Spent: Unrelated, Server: Troubled, Network: Troubled, Timeout: Troubled,
		Auth: Unrelated, Expired: Unrelated, Request: Unrelated, Conflict: Unrelated, Other: Unrelated, Ended: Untold,
	}
}

// Load returns the meaning of the class for the load of the server: [Unrelated] for a
// number outside the classes.
func (c Class) Load() Load {
	if all := loads(); int(c) < len(all) {
		return all[c]
	}
	return Unrelated
}
