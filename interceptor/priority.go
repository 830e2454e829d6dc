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
// Calls of policy.LowPriority are also spaced evenly over the window of a known limit
// ([WithQuotas]), so that others find room at any time. The default is policy.NormalPriority.
// Priorities change nothing while calls need not wait.
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
