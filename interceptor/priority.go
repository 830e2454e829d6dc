package interceptor

import (
	"fmt"

	"github.com/reinvoke/reinvoke/policy"
)

// WithPriority says who goes first of the calls that wait at the same gate, for a quota that is
// used up or for a limit known in advance: a call of a higher priority before those of a lower
// one, and calls of one priority in order of arrival. No priority is left out: one of its calls
// goes at least every 10 seconds, or as every fifth call where calls leave more slowly. When not all
// can be served before their deadlines, those of the lowest priority are turned away first.
//
// Calls of policy.LowPriority also leave room for others. Under a known limit ([WithQuotas]) all
// calls together leave evenly over the window. Where no limit is known, and while others come, all
// calls together leave about as fast as the server accepted calls before its last refusals, and
// faster after some minutes without any. So a batch takes longer, and its calls wait for more than
// the minute that other calls without a deadline wait at most.
//
// The default is policy.NormalPriority. Other priorities change nothing while calls need not wait.
func WithPriority(p policy.Priority) CallOption {
	var err error
	if p > policy.HighPriority {
		err = fmt.Errorf("interceptor: WithPriority: %d: want policy.LowPriority, NormalPriority or HighPriority", uint8(p))
	}
	return newCallOption(callOption{
		name: "WithPriority", err: err, kinds: everything,
		apply: func(s *settings) { s.Priority = p },
	})
}
