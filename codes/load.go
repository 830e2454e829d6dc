package codes

// Load is what a class of failure says about the load of the server. The zero value
// is none of these.
type Load uint8

// What a class says about the load.
const (
	// Accepted: there was no failure.
	Accepted Load = iota + 1
	// Refused: by a limit that refills soon. The server works, and has had enough.
	Refused
	// Troubled: the server failed, is overloaded or does not answer.
	Troubled
	// Unrelated: the failure is about this call alone. If the server has answered with
	// it, the server works.
	Unrelated
	// Untold: the caller has ended the call, and nobody knows.
	Untold
)

// loads returns what the classes say, in their order. Its length is that of the last
// entry: without an entry for a new last class it does not compile.
func loads() [NumClasses]Load {
	return [...]Load{
		None: Accepted, Quota: Refused, Spent: Unrelated, Server: Troubled, Network: Troubled, Timeout: Troubled,
		Auth: Unrelated, Expired: Unrelated, Request: Unrelated, Conflict: Unrelated, Other: Unrelated, Ended: Untold,
	}
}

// Load returns what the class says about the load of the server: [Unrelated] for a
// number that is no class.
func (c Class) Load() Load {
	if all := loads(); int(c) < len(all) {
		return all[c]
	}
	return Unrelated
}
