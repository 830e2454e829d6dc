package worlds_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// check looks at a call once it and the world are over.
func (l *lifeRun) check(rec *lifeRecord) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	l.checkEnd(rec)
	if !l.w.Blind {
		l.checkEvents(rec)
	}
	l.checkFinish(rec)
	l.checkReceived(rec)
	for n, arrived := range rec.arrived {
		l.checkArrived(rec, n, arrived)
	}
}

// kindOf names the kind of the call, for the kind of a problem.
func (r *lifeRecord) kindOf() string {
	switch {
	case r.streams():
		return "stream"
	case r.Kind == unaryLife:
		return "unary"
	}
	return string(r.Kind)
}

// checkEnd: a call returns, and no later than its context ends.
func (l *lifeRun) checkEnd(rec *lifeRecord) {
	if !rec.ended {
		if rec.broken == "" && !rec.Abandon {
			l.problem("end: "+rec.kindOf()+" never returns", "call %d", rec.id)
		}
		return
	}
	if rec.streams() {
		return
	}
	for _, d := range []time.Duration{rec.Deadline, rec.Cancel} {
		if late := rec.returned.Sub(rec.start) - d; d > 0 && late > time.Second {
			l.problem("end: "+rec.kindOf()+" returns late", "call %d returns %v after its context has ended", rec.id, late)
		}
	}
}

// checkEvents: one event of the end, which tells what the caller was told.
func (l *lifeRun) checkEvents(rec *lifeRecord) {
	n := len(rec.finals)
	switch {
	case n > 1:
		l.problem("events: "+rec.kindOf()+" ends twice", "call %d: %v", rec.id, outcomes(rec.finals))
	case rec.broken != "" || !rec.ended:
	case n == 0 && !rec.invalid():
		l.problem("events: "+rec.kindOf()+" has no end", "call %d has returned %v", rec.id, rec.err)
	case n == 1 && (rec.finals[0].Err == nil) != (rec.err == nil):
		l.problem("events: "+rec.kindOf()+" has another end than its caller was told", "call %d: %v, %v; returned %v", rec.id, outcomes(rec.finals), rec.finals[0].Err, rec.err)
	}
}

func outcomes(events []interceptor.Event) string {
	var all []string
	for _, e := range events {
		all = append(all, fmt.Sprintf("%v (%v)", e.Outcome, e.Err))
	}
	return strings.Join(all, ", ")
}

// checkFinish: OnFinish is called once.
func (l *lifeRun) checkFinish(rec *lifeRecord) {
	n := len(rec.finished)
	if n > 1 || (n == 0 && rec.Finish && rec.Kind != doLife && rec.broken == "") {
		l.problem(fmt.Sprintf("OnFinish: called %d times for a %s", min(n, 2), rec.kindOf()), "call %d: %v", rec.id, rec.finished)
	}
}

// checkReceived: the caller has received the beginning of what the server has sent, of
// one attempt unless it was resumed.
func (l *lifeRun) checkReceived(rec *lifeRecord) {
	attempt := -1
	for i, body := range rec.bodies {
		var id, n, index int
		if body == "filled" && rec.Fallback != nil {
			continue
		}
		_, err := fmt.Sscanf(body, "%d/%d/%d", &id, &n, &index)
		if err != nil || id != rec.id || index != i || n < attempt || (n > attempt && attempt >= 0 && rec.Resume == nil) {
			l.problem("values: "+rec.kindOf()+" receives something else than was sent", "call %d received %q", rec.id, rec.bodies)
			return
		}
		attempt = n
	}
	if rec.ended && rec.err == nil && rec.single() && len(rec.bodies) != 1 {
		l.problem("values: "+rec.kindOf()+" has not got its one reply", "call %d received %q", rec.id, rec.bodies)
	}
}

// checkArrived: an attempt has brought the beginning of what the caller has sent.
func (l *lifeRun) checkArrived(rec *lifeRecord, n int, arrived []string) {
	for i, body := range arrived {
		plain, ok := unchanged(body, rec.Changes && !rec.Raw && (!rec.Prepared || !rec.streams()))
		want := fmt.Sprintf("%d/%d", rec.id, i)
		rest, right := strings.CutPrefix(plain, want)
		right = right && (rest == "" || (i == 0 && (rest == "f" || strings.HasPrefix(rest, "@"))))
		switch {
		case !ok:
			l.problem("values: the interceptor on the right was passed over, or run twice", "call %d, attempt %d brought %q", rec.id, n+1, body)
		case !right || i >= rec.sent:
			l.problem("values: "+rec.kindOf()+" sends something else than the caller", "call %d, attempt %d brought %q", rec.id, n+1, arrived)
			return
		}
	}
}

// checkContexts: the attempts of a call that has ended have no context left but the
// caller's own.
func (l *lifeRun) checkContexts() {
	for _, rec := range l.records {
		rec.mu.Lock()
		if rec.ended && rec.broken == "" {
			for n, ctx := range rec.contexts {
				if ctx.Err() == nil && ctx.Done() != rec.ctx.Done() && rec.Deadline == 0 {
					l.problem("contexts: one of a "+rec.kindOf()+" is left", "call %d, attempt %d", rec.id, n+1)
				}
			}
		}
		rec.mu.Unlock()
	}
}

// ending names how the owner of a permission has ended.
func (r *lifeRecord) ending() string {
	switch {
	case r == nil:
		return "what is no attempt, or a hedge"
	case r.broken != "":
		return "a " + r.kindOf() + " whose hook panics"
	case !r.ended:
		return "a " + r.kindOf() + " that is never read to its end"
	case r.err == nil:
		return "a " + r.kindOf() + " that succeeds"
	}
	return "a " + r.kindOf() + " that fails"
}

// checkBreaker: every permission is given back once, and every attempt has one.
func (l *lifeRun) checkBreaker() {
	b := &l.breaker
	b.mu.Lock()
	defer b.mu.Unlock()
	b.healthy = true
	for n, told := range b.told {
		switch {
		case told == 0:
			l.problem("breaker: done is not called for "+b.owners[n].ending(), "permission %d of %d", n+1, len(b.told))
		case told > 1:
			l.problem("breaker: done is called twice for "+b.owners[n].ending(), "permission %d of %d: %d times", n+1, len(b.told), told)
		}
	}
	begun := 0
	for _, rec := range l.records {
		begun += len(rec.contexts)
	}
	if l.w.Breaker && begun > len(b.told) {
		l.problem("breaker: an attempt has not asked", "%d attempts with %d permissions", begun, len(b.told))
	}
}

// checkBudget: the tokens are what the retries and the successes have left.
func (l *lifeRun) checkBudget() {
	c := l.w.budget()
	held, earned := l.retrier.Budget().Held()
	if held < 0 || held > c.Max || earned < 0 || earned > c.EarnedMax {
		l.problem("budget: out of bounds", "%v and %v tokens, want at most %v and %v", held, earned, c.Max, c.EarnedMax)
	}
	if l.w.Tokens != ampleTokens || l.w.Blind {
		return
	}
	least, most, successes := 0, 0, 0
	for _, rec := range l.records {
		lo, hi := l.cost(rec)
		least, most, successes = least+lo, most+hi, successes+rec.successes()
	}
	sum := int(c.Start) + successes
	if got := int(held); got < sum-most || got > sum-least {
		l.problem("budget: tokens are lost or made", "%v tokens, want %v and %d successes less %d to %d retries", held, c.Start, successes, least, most)
	}
	spent := 0
	for _, rec := range l.records {
		if l.hedges(rec) {
			return // a token is given back where another attempt has begun meanwhile
		}
		spent += rec.begun(policy.Earned)
	}
	if got := int(earned); got != successes-spent {
		l.problem("budget: earned tokens are lost or made", "%v tokens, want %d successes less %d retries", earned, successes, spent)
	}
}

// begun returns how many retries of the call began that this account has paid for.
func (r *lifeRecord) begun(pays policy.Account) (n int) {
	for i, e := range r.log {
		if !e.begun && e.decision.Retry && e.decision.Pays == pays && i+1 < len(r.log) && r.log[i+1].begun {
			n++
		}
	}
	return n
}

// successes returns how often the call has earned.
func (r *lifeRecord) successes() (n int) {
	for _, e := range r.log {
		if !e.begun && e.success {
			n++
		}
	}
	return n
}

// cost returns how many tokens the retries of a call have cost that began.
func (l *lifeRun) cost(rec *lifeRecord) (least, most int) {
	least = rec.begun(policy.Tokens)
	if !l.hedges(rec) {
		return least, least
	}
	most = max(len(rec.contexts)-1, 0)
	least = most - rec.asked[fallbackHook]
	for _, e := range rec.log {
		if !e.begun && e.decision.Retry && e.decision.Pays != policy.Tokens {
			least--
		}
	}
	return max(least, 0), most
}

// hedges reports whether attempts of the call may run beside each other.
func (l *lifeRun) hedges(rec *lifeRecord) bool {
	beside := l.w.Hedge.Attempts > 1 || rec.Hedge.Attempts > 1
	for _, r := range l.w.Reloads {
		beside = beside || r.Hedge.Attempts > 1
	}
	return beside && rec.Kind == unaryLife
}

// checkGates: no gate waits for a place that was not given back.
func (l *lifeRun) checkGates() {
	g := l.retrier.Gates()
	if g.Waiting > 0 {
		l.problem("gate: calls wait that have ended", "%+v", g)
	}
	if g.Closed+g.Probing+g.Open == 0 {
		return
	}
	time.Sleep(10 * time.Minute) // a hint may be long
	if after := l.retrier.Gates(); after.Closed+after.Probing+after.Open > 0 {
		l.problem("gate: it is never at rest", "%+v, and 10 minutes later %+v", g, after)
	}
}

// probe makes another call.
func (l *lifeRun) probe(method string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return l.conn.Invoke(ctx, method, grpctest.Ask("well"), new(testpb.StreamingOutputCallResponse), interceptor.WithAttemptTimeout(time.Minute), interceptor.Repeatable())
}

// checkProbe: another call succeeds, after a minute at the latest.
func (l *lifeRun) checkProbe() {
	l.ready()
	if l.tcp && l.config != nil {
		l.reload(lifeReload{}) // without a timeout that is too short for a network
	}
	seen := map[string]bool{"/life.World/Unary": true}
	for _, rec := range l.records {
		seen[rec.method()] = true
	}
	for method := range seen {
		began := time.Now()
		err := l.probe(method)
		for tries := 1; l.tcp && tries < 20 && status.Code(err) == grpccodes.Unavailable; tries++ {
			err = l.probe(method) // a server that drains its connections early may cut one again
		}
		if took := time.Since(began); err != nil || took > time.Minute {
			l.problem("probe: the next call does not succeed", "%s: %v after %v", method, err, took)
		}
	}
	if err := l.retrier.Do(context.Background(), "life", func(context.Context) error { return nil }); err != nil {
		l.problem("probe: the next call does not succeed", "Do: %v", err)
	}
}

// checkLeft: there is no attempt and no timer left.
func (l *lifeRun) checkLeft() {
	l.rest(lifeRests)
	if n := l.ledger.left(); n > 0 {
		l.problem("attempts are left", "%d", n)
	}
	if n := l.clock.count(0); n != 0 {
		l.problem("timers are left", "%d", n)
	}
}

// invalid reports whether the call was refused for its options.
func (r *lifeRecord) invalid() bool {
	return status.Code(r.err) == grpccodes.InvalidArgument && len(r.contexts) == 0
}
