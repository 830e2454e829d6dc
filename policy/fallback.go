package policy

import "github.com/reinvoke/reinvoke/codes"

// FallsBack reports whether a call ending with this decision may be answered in another way.
// The failure must be one that a retry or time could have cured, and no part of an answer was
// delivered. Another request does not make up for a wrong request, or for a request that may
// have run and must not run twice.
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
