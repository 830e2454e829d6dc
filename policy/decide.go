package policy

import (
	"math"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// hintSpread is the least bound of the random delay added to a hint, so that clients given the
// same time do not return at the same moment. A quarter of the hint is the bound if that is
// more. Judgement: the returns spread over a quarter of a one-minute window, and no client
// returns early.
const hintSpread = 250 * time.Millisecond

// State is the input of [Decide] about a call, including its failed attempt. The zero value is
// a call that may not retry.
type State struct {
	// Table and Limits are in force for the call. A nil Table never retries.
	Table  *Table
	Limits Limits
	// Codes limits retries to these status codes; zero for no limit.
	Codes CodeSet

	// Attempts is the number of attempts made, including the failed attempt.
	Attempts int
	// Retries is the number of retries made per class. Exponents is the exponent of the next
	// backoff per class: equal to Retries, unless a pushback reset the exponent.
	Retries, Exponents [codes.NumClasses]int
	// Elapsed is the time since the first attempt ended.
	Elapsed time.Duration
	// Deadline says whether the caller has a deadline, Remaining the time left until then.
	Deadline  bool
	Remaining time.Duration

	// Repeatable says whether the method may run twice.
	Repeatable bool
	// NotRepeatable says the method was declared not to run twice, unlike a method without any
	// declaration. Such a method is retried only if the failure proves that nothing ran.
	// TrustUnavailable says UNAVAILABLE from this server is such a proof (AIP-194). OwnQuota
	// says the service refusing by quota is the called service itself (see [IsCalled]).
	NotRepeatable, TrustUnavailable, OwnQuota bool
	// Tokens and Earned are the tokens held by the two accounts of the [Budget].
	Tokens, Earned float64
	// OwnTimeout says a client-side attempt timeout ended the attempt, not the server.
	OwnTimeout bool
	// AtGate says the retry would wait at a closed gate (package gate). The gate itself bounds
	// the load on the server.
	AtGate bool
	// Elsewhere says where else the call could go.
	Elsewhere Elsewhere
	// CanRefresh says the credentials can be refreshed and were not refreshed in this call yet.
	CanRefresh bool
}

// Decision is the answer of [Decide] to a failure.
type Decision struct {
	// Retry says whether to make another attempt.
	Retry bool
	// Move says the next attempt goes to another target: it counts as an attempt, but not as a
	// retry of the row.
	Move bool
	// Wait is the time to wait before the next attempt: 0 or more.
	Wait time.Duration
	// Why is the rule behind the decision.
	Why Why
	// Class is the row charged with the retry.
	Class codes.Class
	// Pays is the account paying for the retry. The caller takes the token when the wait
	// begins, and returns the token if the wait is cancelled.
	Pays Account
}

// Decide says whether and when to retry a call after the failure f. u is a random number in
// [0, 1). Decide is a pure function: equal arguments give equal decisions.
//
// The first of these checks to stop the call gives the [Why]: a class without retries, a method
// that may not run twice, the retries of the class, the attempts of the call, a pushback saying
// stop, a hint beyond the limit, the limit on elapsed time, the caller's deadline, the budget.
//
// The wait is the row's backoff with its jitter. A hint replaces the backoff: the wait is the
// hint plus a random delay of up to a quarter of the hint, or up to 250 ms if that is more. If
// the class was refused before in this call, up to 2 hints are added, after a third refusal up
// to 8 and so on, but never more than the row's backoff. A pushback replaces the backoff
// exactly. The random part is cut to the time left.
//
// If the call can go elsewhere, that comes first: see [State.Elsewhere]. A failure of class Quota
// or Spent moves at once and for free. After Server, Timeout or Network a move costs a token, and
// comes at once over another connection, or after the row's wait over the same connection. The
// limits of the call, the deadline, and the rules for what may run twice hold for a move too; the
// retries of the row do not.
//
// Call Decide after every failed attempt, and count each retry made with [State.Count].
func Decide(s State, f codes.Failure, u float64) Decision {
	class := f.Class
	if class == codes.Auth && s.CanRefresh && f.Code == grpccodes.Unauthenticated && f.Reach == codes.Answered {
		class = codes.Expired
	}
	no := func(why Why) Decision { return Decision{Why: why, Class: class} }

	var row Policy
	if s.Table != nil && class < codes.NumClasses {
		row = s.Table[class]
	}
	limits := s.Limits.Effective(s.Table)
	if s.Elsewhere != Nowhere {
		if d, ok := move(&s, &f, class, row, limits, u); ok {
			return d
		}
	}
	switch {
	case class == codes.None:
		return no(Success)
	case class == codes.Ended:
		return no(CallerEnded)
	case class >= codes.NumClasses || row.Retries <= 0 || !s.Codes.Has(f.Code):
		return no(NeverRetried)
	case !repeats(&s, &f, class):
		return no(NotRepeatable)
	case s.Retries[class] >= row.Retries:
		return no(ClassExhausted)
	case s.Attempts >= limits.MaxAttempts:
		return no(AttemptsExhausted)
	case f.Pushback.Set && (f.Pushback.Stop || f.Pushback.Delay < 0):
		return no(PushbackStop)
	case f.Delay > limits.MaxServerDelay || (f.Pushback.Set && f.Pushback.Delay > limits.MaxServerDelay):
		return no(HintTooLong)
	}

	wait, why := waits(&s, &f, row, class)
	left := limits.MaxElapsed - max(s.Elapsed, 0)
	switch {
	case wait.Min > left:
		return no(ElapsedExhausted)
	case s.Deadline && wait.Min >= s.Remaining:
		return no(DeadlineTooNear)
	}
	if s.Deadline { // the attempt must still begin before the deadline
		left = min(left, s.Remaining-1)
	}
	if asked := min(f.RetryAfter, row.Max, left); asked > wait.Min && !f.Pushback.Set {
		wait, why = Range{Min: asked, Max: max(wait.Max, min(plus(asked, spreadOf(asked)), row.Max))}, Hint
	}
	wait.Max = min(wait.Max, left)

	pays := payer(&s, &f, class)
	if (pays == Tokens && !(s.Tokens >= 1)) || (pays == Earned && !(s.Earned >= 1)) {
		return no(BudgetExhausted)
	}
	return Decision{Retry: true, Wait: wait.at(u), Why: why, Class: class, Pays: pays}
}

// Count returns the state after the retry ordered by d: s itself if d orders no retry.
func (s State) Count(d Decision) State {
	if !d.Retry {
		return s
	}
	s.Attempts++
	if d.Move {
		return s
	}
	s.Retries[d.Class]++
	s.Exponents[d.Class]++
	if d.Why == Pushback {
		s.Exponents[d.Class] = 0
	}
	return s
}

// waits returns the range of the next wait and the rule behind the wait.
func waits(s *State, f *codes.Failure, row Policy, class codes.Class) (Range, Why) {
	n := s.Exponents[class]
	if f.Pushback.Set || f.Delay > 0 {
		var wait Range
		why := Pushback
		if f.Pushback.Set { // gRFC A6: exactly then
			wait = Range{Min: f.Pushback.Delay, Max: f.Pushback.Delay}
		}
		if f.Delay > 0 {
			spread := spreadOf(f.Delay)
			if refusals := s.Retries[class]; refusals > 0 { // refused again after an earlier hint
				spread = plus(spread, min(row.Backoff(n), repeated(f.Delay, refusals)))
			}
			wait = Range{Min: max(wait.Min, f.Delay), Max: max(wait.Max, plus(f.Delay, spread))}
			if !f.Pushback.Set {
				why = Hint
			}
		}
		return wait, why
	}
	why := Backoff
	if class == codes.Expired {
		why = Refresh
	}
	return row.Jitter.Range(row.Backoff(n), row.Max), why
}

// spreadOf returns the bound of the random delay added to a first hint.
func spreadOf(hint time.Duration) time.Duration { return max(hintSpread, hint/4) }

// repeated returns the extra spread after this many earlier refusals: a multiple of the hint,
// so that a hint of 0.2 s does not grow to 15 s. Judgement: 2 hints, quadrupled by each further
// refusal; if the hint was wrong by less, the right time is found soon enough.
func repeated(hint time.Duration, refusals int) time.Duration {
	return scale(hint, math.Pow(4, float64(refusals))/2)
}

// payer returns the account paying for the retry.
func payer(s *State, f *codes.Failure, class codes.Class) Account {
	switch {
	case s.OwnTimeout:
		return Earned
	case class == codes.Expired: // an expired token fails all calls under way at once, and each call has one retry
		return Free
	case f.Class == codes.Quota && f.Asked && f.Delay > 0, s.AtGate:
		return Free
	}
	return Tokens
}

// plus adds two non-negative durations, saturating.
func plus(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
