package policy

import "github.com/reinvoke/reinvoke/codes"

// FallsBack reports whether a call that ends with this decision may be
// answered in another way: its failure is one that a retry or the time could
// have cured, and nothing was shown of an answer. A request that is wrong, or
// that may have run and must not run twice, is not made good by another one.
func (d Decision) FallsBack() bool {
	if d.Retry {
		return false
	}
	switch d.Why {
	case NeverRetried, ClassExhausted, AttemptsExhausted, PushbackStop, HintTooLong, ElapsedExhausted, DeadlineTooNear, BudgetExhausted:
	default:
		return false
	}
	switch d.Class {
	case codes.Quota, codes.Spent, codes.Server, codes.Network, codes.Timeout, codes.Other:
		return true
	default:
		return false
	}
}
