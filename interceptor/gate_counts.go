package interceptor

// GateCounts says how many gates a [Retrier] has, by what they do. A quota that no
// call was refused by has none.
type GateCounts struct {
	// Closed gates let no call through, Probing ones one at a time, and Open ones
	// as many as the server was seen to accept.
	Closed, Probing, Open int
	// Waiting is how many calls wait at all of them together.
	Waiting int
	// WouldHold is how many attempts would have been held for a second or more, or
	// turned away, since a dry run began (see [WithGateDryRun]); InVain is how many of
	// them succeeded without. Both are 0 without a dry run.
	WouldHold, InVain int
}

// Gates returns the gates that there are now.
func (r *Retrier) Gates() GateCounts { return GateCounts(r.gates.Counts()) }
