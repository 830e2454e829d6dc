package worlds_test

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// check looks at what happened to all calls.
func (w *world) check(t *testing.T, records []*record) {
	t.Helper()
	tokens := math.Inf(1) // unknown
	if !w.parallel {
		tokens = w.config.Budget.Start
	}
	for _, rec := range records {
		w.checkAttempts(t, rec)
		tokens = w.checkDecisions(t, rec, tokens)
		w.checkReturn(t, rec)
		rec.checkShown(t)
	}
	w.checkBudget(t, records)
	if t.Failed() {
		for _, rec := range records {
			t.Logf("call %+v", *rec.plan)
			for i, e := range rec.events {
				t.Logf("call %d event %d at %v: %+v", rec.id, i, e.at.Sub(rec.start), e.Event)
			}
			t.Logf("call %d returned after %v: %v", rec.id, rec.returned.Sub(rec.start), rec.shown.Err)
		}
	}
}

// checkAttempts holds the log of the right against the limits, the caller's
// time, and the log of the server.
func (w *world) checkAttempts(t *testing.T, rec *record) {
	t.Helper()
	_, limits := w.limits(rec.plan)
	if n := len(rec.begun); n > limits.MaxAttempts || n == 0 || (rec.disabled && n > 1) {
		t.Errorf("call %d: %d attempts, want 1 to %d", rec.id, n, limits.MaxAttempts)
	}
	for i, b := range rec.begun {
		switch {
		case i > 0 && b.at.After(rec.ends()):
			t.Errorf("call %d: attempt %d began after the caller had ended", rec.id, i+1)
		case b.at.After(rec.returned):
			t.Errorf("call %d: attempt %d began after the call had returned", rec.id, i+1)
		case i > 0 && b.at.Sub(rec.begun[0].ended) > limits.MaxElapsed:
			t.Errorf("call %d: attempt %d began %v after the first had ended, want at most %v", rec.id, i+1, b.at.Sub(rec.begun[0].ended), limits.MaxElapsed)
		}
		if won := i == len(rec.begun)-1; rec.stream && !won && i > 0 && b.ctx.Err() == nil {
			t.Errorf("call %d: attempt %d did not win, and its context is alive", rec.id, i+1)
		}
	}
	for _, a := range rec.arrived {
		want := []string{strconv.Itoa(a.attempt)}
		if a.attempt == 0 {
			want = nil
		}
		if a.body != "as sent" || !slices.Equal(a.previous, want) {
			t.Errorf("call %d: attempt %d arrived with %q and the number %v", rec.id, a.attempt+1, a.body, a.previous)
		}
	}
}

// checkDecisions makes each decision again, from the logs alone, and holds
// what was done against it. It returns the tokens that are left.
func (w *world) checkDecisions(t *testing.T, rec *record, tokens float64) float64 {
	t.Helper()
	table, limits := w.limits(rec.plan)
	s := policy.State{Table: &table, Limits: limits, Repeatable: rec.repeatable, Attempts: 1}
	var done []told // the attempts
	for _, e := range rec.events {
		if e.Outcome == interceptor.Pending {
			done = append(done, e)
		}
	}
	for i, e := range done {
		if e.Decision.Why == policy.Success {
			break
		}
		rec.checkFailure(t, i, &e)
		s.Elapsed, s.Tokens = e.at.Sub(done[0].at), tokens
		if rec.deadline > 0 {
			s.Deadline, s.Remaining = true, rec.start.Add(rec.deadline).Sub(e.at)
		}
		if w.parallel && e.Decision.Why == policy.BudgetExhausted {
			s.Tokens = 0 // others have taken them
		}
		want := policy.Decide(s, e.Failure, w.dice)
		if rec.disabled && e.Failure.Class != codes.Ended {
			want = policy.Decision{Why: policy.Disabled, Class: e.Failure.Class}
		}
		if diff := cmp.Diff(want, e.Decision); diff != "" {
			t.Errorf("call %d, after attempt %d, with %v tokens: decision (-want +got):\n%s", rec.id, i+1, s.Tokens, diff)
		}
		if !e.Decision.Retry {
			break
		}
		w.checkWait(t, rec, i, &e, &s)
		if e.Decision.Pays == policy.Tokens && i+1 < len(rec.begun) { // else it was cancelled, and the token returned
			tokens--
		}
		s = s.Count(e.Decision)
	}
	if slices.ContainsFunc(rec.events, func(e told) bool { return earned(&e) }) {
		tokens = min(tokens+w.config.Budget.Earn, max(w.config.Budget.Max, tokens))
	}
	return tokens
}

// succeeded reports whether an event tells of a call that did.
func succeeded(e *told) bool {
	return e.Outcome == interceptor.FirstTry || e.Outcome == interceptor.Recovered
}

// earned reports whether an event tells of an attempt that succeeded: that of
// a stream has with its first message.
func earned(e *told) bool { return e.Outcome == interceptor.Pending && e.Err == nil }

// checkFailure holds a classification against what the server has sent.
func (r *record) checkFailure(t *testing.T, i int, e *told) {
	t.Helper()
	todo, f := r.step(i), &e.Failure
	if f.Class == codes.Ended {
		if e.at.Before(r.ends()) && (r.deadline == 0 || r.start.Add(r.deadline).Sub(e.at) > 10*time.Millisecond) {
			t.Errorf("call %d: attempt %d counts as ended by the caller, who has not", r.id, i+1)
		}
		return
	}
	reach := codes.Answered
	switch {
	case todo.refused:
		reach = codes.Unsent
	case todo.pushback != nil: // a trailer is an answer, header or not
	case (todo.header || (r.stream && todo.messages > 0)) && len(todo.end.Details()) == 0:
		reach = codes.Lost
	}
	if f.Code != todo.end.Code() || f.Reach != reach {
		t.Errorf("call %d: attempt %d counts as %v %v, want %v %v", r.id, i+1, f.Code, f.Reach, todo.end.Code(), reach)
	}
	if !todo.refused && (f.Pushback.Set != (todo.pushback != nil) || f.Pushback.Stop != todo.stopped()) {
		t.Errorf("call %d: attempt %d counts with pushback %+v of %v", r.id, i+1, f.Pushback, todo.pushback)
	}
	if !todo.refused && todo.stopped() && e.Decision.Retry {
		t.Errorf("call %d: attempt %d is followed by another in spite of pushback %v", r.id, i+1, todo.pushback)
	}
}

// checkWait holds the time until the next attempt against the decision, the
// documented range, and what the server asked for.
func (w *world) checkWait(t *testing.T, rec *record, i int, e *told, s *policy.State) {
	t.Helper()
	if e.Decision.Wait < e.Failure.Delay || (e.Failure.Pushback.Set && e.Decision.Wait < e.Failure.Pushback.Delay) {
		t.Errorf("call %d: waits %v after attempt %d, less than the server asked for: %v, %+v", rec.id, e.Decision.Wait, i+1, e.Failure.Delay, e.Failure.Pushback)
	}
	least, most := policy.Decide(*s, e.Failure, 0).Wait, policy.Decide(*s, e.Failure, math.Nextafter(1, 0)).Wait
	if e.Decision.Wait < least || e.Decision.Wait > most || e.Decision.Wait < 0 {
		t.Errorf("call %d: waits %v after attempt %d, want %v to %v", rec.id, e.Decision.Wait, i+1, least, most)
	}
	row := s.Table[e.Decision.Class]
	if row.Retries <= s.Retries[e.Decision.Class] || s.Table[e.Failure.Class].Retries == 0 {
		t.Errorf("call %d: a failure of class %v is retried %d times, want %d at most", rec.id, e.Failure.Class, s.Retries[e.Decision.Class]+1, row.Retries)
	}
	if i+1 >= len(rec.begun) {
		if rec.ends().After(e.at.Add(e.Decision.Wait)) {
			t.Errorf("call %d: attempt %d was to be retried and was not", rec.id, i+1)
		}
		return
	}
	if b := rec.begun[i]; !b.ended.Equal(e.at) {
		t.Errorf("call %d: attempt %d ended after %v, and was decided about after %v", rec.id, i+1, b.ended.Sub(rec.start), e.at.Sub(rec.start))
	}
	if got := rec.begun[i+1].at.Sub(e.at); got != e.Decision.Wait {
		t.Errorf("call %d: attempt %d began %v after the failure before, want %v", rec.id, i+2, got, e.Decision.Wait)
	}
}

// checkReturn looks at when the call returned, and with which status.
func (w *world) checkReturn(t *testing.T, rec *record) {
	t.Helper()
	if rec.returned.After(rec.ends()) {
		t.Errorf("call %d: returned %v after the caller had ended", rec.id, rec.returned.Sub(rec.ends()))
	}
	if rec.abandoned {
		return
	}
	last := rec.step(len(rec.begun) - 1)
	if n := len(rec.events); n == 0 || rec.events[n-1].Outcome == interceptor.Pending || (rec.shown.Err == nil) != succeeded(&rec.events[n-1]) {
		t.Errorf("call %d: its last event is not that of its end", rec.id)
	}
	if rec.shown.Err == nil {
		if last.end != nil {
			t.Errorf("call %d: succeeded, though the last attempt has failed with %v", rec.id, last.end)
		}
		return
	}
	withStatus, ok := rec.shown.Err.(interface{ GRPCStatus() *status.Status })
	if !ok {
		t.Errorf("call %d: error %v is no status", rec.id, rec.shown.Err)
		return
	}
	st := withStatus.GRPCStatus()
	if last.end != nil && proto.Equal(st.Proto(), last.end.Proto()) {
		return
	}
	ended := !rec.returned.Before(rec.ends()) || (rec.deadline > 0 && rec.start.Add(rec.deadline).Sub(rec.returned) <= 10*time.Millisecond)
	if !ended || (st.Code() != grpccodes.Canceled && st.Code() != grpccodes.DeadlineExceeded) || len(st.Details()) > 0 {
		t.Errorf("call %d: returned status %v, want that of the last attempt, %v, or of the context", rec.id, st, last.end)
	}
}

// checkShown looks at what the caller was given: of the last attempt alone.
func (r *record) checkShown(t *testing.T) {
	t.Helper()
	n := len(r.begun) - 1
	last := r.step(n)
	if !r.stream {
		switch {
		case r.shown.Err == nil && r.reply.GetUsername() != grpctest.Tag(n, 0):
			t.Errorf("call %d: got the answer %q, want that of attempt %d", r.id, r.reply.GetUsername(), n+1)
		case r.shown.Err != nil && r.reply != nil && !proto.Equal(r.reply, r.reply.ProtoReflect().New().Interface()):
			t.Errorf("call %d: failed, and left an answer: %v", r.id, r.reply)
		}
		return
	}
	var want []string
	for i := range last.messages {
		want = append(want, grpctest.Tag(n, i))
	}
	if len(r.shown.Bodies) > len(want) || !slices.Equal(r.shown.Bodies, want[:len(r.shown.Bodies)]) {
		t.Errorf("call %d: was shown %v, want the beginning of %v, and no attempt after that", r.id, r.shown.Bodies, want)
	}
	if !r.abandoned && r.shown.Err == nil && len(r.shown.Bodies) != len(want) {
		t.Errorf("call %d: succeeded with %v, want all of %v", r.id, r.shown.Bodies, want)
	}
	if got := r.shown.Header["attempt"]; r.shown.Header != nil && !slices.Equal(got, []string{grpctest.Tag(n, 0)}) {
		t.Errorf("call %d: was shown the header of %v, want that of attempt %d, and none after it", r.id, got, n+1)
	}
}

// checkBudget: at no time have more retries been paid for than there were
// tokens and successes.
func (w *world) checkBudget(t *testing.T, records []*record) {
	t.Helper()
	type entry struct {
		at    time.Time
		worth float64
	}
	var entries []entry
	for _, rec := range records {
		n := 0
		for _, e := range rec.events {
			switch {
			case earned(&e):
				entries = append(entries, entry{e.at, w.config.Budget.Earn})
			case e.Outcome == interceptor.Pending && e.Decision.Retry && e.Decision.Pays == policy.Tokens:
				entries = append(entries, entry{e.at, -1})
				if n+1 == len(rec.begun) { // cancelled, and the token returned
					entries = append(entries, entry{rec.returned, 1})
				}
			}
			if e.Outcome == interceptor.Pending {
				n++
			}
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return int(math.Copysign(1, b.worth)) - int(math.Copysign(1, a.worth)) // what is earned first
	})
	for from := range entries { // any window
		held := w.config.Budget.Max
		if from == 0 {
			held = w.config.Budget.Start
		} else if entries[from].at.Equal(entries[from-1].at) {
			continue // the order within an instant is not known
		}
		for _, e := range entries[from:] {
			if held += e.worth; held < -0.001 {
				t.Errorf("by %v more retries were paid for than there were tokens", e.at)
				return
			}
		}
	}
}
