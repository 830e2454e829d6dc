package policy

import (
	"math"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// hintSpread is the least spread that is added to a hint, so that clients
// which were all told the same time do not come back at the same moment; a
// quarter of the hint if that is more. Judgement: a window of a minute is
// entered over a quarter of it, and no one comes earlier than was asked.
const hintSpread = 250 * time.Millisecond

// State is what [Decide] has to know about a call, its failed attempt
// included. The zero value is a call that may not retry.
type State struct {
	// Table and Limits are those in force for the call. A nil Table never
	// retries.
	Table  *Table
	Limits Limits
	// Codes are the status codes that alone are retried; zero for all.
	Codes CodeSet

	// Attempts is how many attempts were made, the failed one included.
	Attempts int
	// Retries is how many retries were made for each class, and Exponents
	// the exponent of the next backoff of each: the same number, unless a
	// pushback restarted it.
	Retries, Exponents [codes.NumClasses]int
	// Elapsed is the time since the first attempt ended.
	Elapsed time.Duration
	// Deadline says that the caller has one, Remaining how far away it is.
	Deadline  bool
	Remaining time.Duration

	// Repeatable says that the method may run twice.
	Repeatable bool
	// NotRepeatable says that it was declared that it must not, as against a method of
	// which nothing was said: it is then retried only where the failure proves that
	// nothing ran. TrustUnavailable says that UNAVAILABLE proves that, coming from this
	// server (AIP-194), and OwnQuota that the service which refused by a quota is the
	// one that was called (see [IsCalled]).
	NotRepeatable, TrustUnavailable, OwnQuota bool
	// Tokens and Earned are what the [Budget] holds.
	Tokens, Earned float64
	// OwnTimeout says that the attempt was ended by a timer of whoever asks,
	// not by the server: an attempt timeout.
	OwnTimeout bool
	// AtGate says that the retry would wait at a gate that is closed (package
	// gate), which bounds the load on the server by itself.
	AtGate bool
	// CanRefresh says that the credentials can be refreshed, and were not yet
	// in this call.
	CanRefresh bool
}

// Decision is what to do about a failure.
type Decision struct {
	// Retry says whether to make another attempt.
	Retry bool
	// Wait is how long to wait before it: 0 or more.
	Wait time.Duration
	// Why is the rule that decided.
	Why Why
	// Class is the row that the retry counts against.
	Class codes.Class
	// Pays is what pays for the retry. The caller takes the token when it
	// begins to wait, and returns it if the wait is cancelled.
	Pays Account
}

// Decide says whether and when to retry a call after the failure f. The dice
// come in as u in [0, 1). It is a pure function: equal arguments give equal
// decisions.
//
// The first of these that stops the call gives the [Why]: a class that is never
// retried, a method that may not run twice, the retries of the class, the
// attempts of the call, a pushback that says stop, a hint that is too long, the
// limit on elapsed time, the caller's deadline, the budget.
//
// The wait is the row's backoff with its jitter. A hint replaces it by the hint
// and up to a quarter more (250 ms at least). If the class was refused before in
// this call, up to 2 hints more are added, after a third refusal up to 8 and so
// on, but never more than the backoff of the row. A pushback replaces it exactly.
// What of the spread does not fit into the time that is left is cut off.
//
// It is asked after every failed attempt; the caller counts the retry with
// [State.Count] when it makes one.
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

// Count returns the state after the retry that d ordered; if d ordered none,
// that is s itself.
func (s State) Count(d Decision) State {
	if !d.Retry {
		return s
	}
	s.Attempts++
	s.Retries[d.Class]++
	s.Exponents[d.Class]++
	if d.Why == Pushback {
		s.Exponents[d.Class] = 0
	}
	return s
}

// waits returns the range of the next wait and the rule behind it.
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
			if refusals := s.Retries[class]; refusals > 0 { // it was told a time before, and refused again
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

// spreadOf returns what is added to a hint at most.
func spreadOf(hint time.Duration) time.Duration { return max(hintSpread, hint/4) }

// repeated returns what is added to a hint after so many earlier ones: in
// proportion to it, so that a hint of 0.2 s does not become one of 15. Judgement:
// 2 hints, and four times as many with each further refusal, since a hint that
// was wrong by less is found right soon enough.
func repeated(hint time.Duration, refusals int) time.Duration {
	return scale(hint, math.Pow(4, float64(refusals))/2)
}

// payer returns what pays for the retry.
func payer(s *State, f *codes.Failure, class codes.Class) Account {
	switch {
	case s.OwnTimeout:
		return Earned
	case class == codes.Expired: // when a token expires, all calls under way are refused at once, and each has one retry
		return Free
	case f.Class == codes.Quota && f.Asked && f.Delay > 0, s.AtGate:
		return Free
	}
	return Tokens
}

// plus adds two durations that are not negative, saturating.
func plus(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
