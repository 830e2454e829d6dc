package worlds_test

import (
	"math/rand/v2"
	"slices"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// newLifeWorld returns the world of a seed.
func newLifeWorld(seed uint64) *lifeWorld {
	r := &lifeDice{rand.New(rand.NewPCG(seed, 77))} //nolint:gosec // a test has to be repeatable, not secret
	w := &lifeWorld{
		Seed: seed, Quick: r.in(2), Tokens: grpctest.Of(r.Rand, ampleTokens, ampleTokens, fewTokens, noTokens), Blind: r.in(6), Loud: r.in(2), Yields: r.in(2), LogLimit: grpctest.Of(r.Rand, 0, 1, 10),
		Gate: grpctest.Of(r.Rand, noGate, noGate, hintsGate, fleetGate, dryGate), Breaker: r.in(2),
	}
	if w.Breaker && r.in(3) {
		w.Refuses = times(r, 3, func() int { return r.IntN(12) })
	}
	if r.in(5) {
		w.Timeout = r.upTo(5 * time.Second)
	}
	if r.in(6) {
		w.Hedge = r.hedge()
	}
	if r.in(6) {
		w.Replay = grpctest.Of(r.Rand, 1, 50, 3000)
	}
	if r.in(3) {
		w.Refresh = append([]lifeAct{fine}, times(r, 3, func() lifeAct { return grpctest.Of(r.Rand, fine, fails, fails, panics, exits, blocks) })...)[r.IntN(2):]
	}
	if r.in(4) {
		w.Reloads = times(r, 3, r.reload)
	}
	if r.in(4) {
		w.Limits, w.Told = times(r, 2, r.limit), r.in(2)
	}
	w.transport(r)
	w.Observer, w.Logger = r.trouble(6), r.trouble(8)
	for range 1 + r.IntN(5) {
		w.Calls = append(w.Calls, r.call())
	}
	return w
}

// transport chooses what happens to the connections.
func (w *lifeWorld) transport(r *lifeDice) {
	if r.in(8) {
		w.Cuts = times(r, 3, func() time.Duration { return r.upTo(20 * time.Second) })
	}
	if r.in(8) {
		from := r.upTo(10 * time.Second)
		w.Refused = []lifeWindow{{from, from + r.upTo(30*time.Second)}}
	}
	if r.in(8) {
		w.Age = time.Second + r.upTo(10*time.Second)
	}
}

// lifeDice makes choices.
type lifeDice struct{ *rand.Rand }

// in is true once in n times.
func (r *lifeDice) in(n int) bool { return r.IntN(n) == 0 }

// upTo returns a duration of whole milliseconds.
func (r *lifeDice) upTo(most time.Duration) time.Duration {
	return time.Millisecond * time.Duration(1+r.Int64N(int64(most/time.Millisecond)))
}

// times returns one to most values.
func times[T any](r *lifeDice, most int, f func() T) []T {
	all := make([]T, 0, most)
	for range 1 + r.IntN(most) {
		all = append(all, f())
	}
	return all
}

func (r *lifeDice) hedge() lifeHedge {
	return lifeHedge{Delay: grpctest.Of(r.Rand, 0, r.upTo(time.Second), r.upTo(5*time.Second)), Attempts: 2 + r.IntN(3)}
}

// limit returns a limit that holds some calls for a while.
func (r *lifeDice) limit() policy.Quota {
	q := policy.Quota{Pattern: grpctest.Of(r.Rand, "*", "life.World/*", "other"), Requests: 1 + r.Int64N(6), Window: time.Second + r.upTo(9*time.Second)}
	if r.in(2) {
		q.Tokens = 1 + r.Int64N(100)
	}
	return q
}

func (r *lifeDice) reload() lifeReload {
	l := lifeReload{At: r.upTo(20 * time.Second), Quick: r.in(2), Gate: grpctest.Of(r.Rand, noGate, hintsGate, fleetGate)}
	if r.in(3) {
		l.Hedge = r.hedge()
	}
	if r.in(3) {
		l.Limits = times(r, 2, r.limit)
	}
	if r.in(3) {
		l.Timeout = r.upTo(20 * time.Second)
	}
	return l
}

// trouble returns what a hook does wrong, once in so many worlds.
func (r *lifeDice) trouble(once int) []lifeTrouble {
	if !r.in(once) {
		return nil
	}
	return times(r, 2, func() lifeTrouble { return lifeTrouble{r.IntN(8), grpctest.Of(r.Rand, panics, exits)} })
}

func (r *lifeDice) call() lifeCall {
	c := lifeCall{
		Kind:  grpctest.Of(r.Rand, unaryLife, unaryLife, serverLife, serverLife, clientLife, bidiLife, bidiLife, doLife),
		Begin: grpctest.Of(r.Rand, 0, 0, r.upTo(time.Second), r.upTo(10*time.Second)), Repeatable: !r.in(3), Priority: grpctest.Of(r.Rand, 0, 0, policy.LowPriority, policy.HighPriority), Abandon: r.in(5),
		Raw: r.in(12), Prepared: r.in(12), Finish: r.in(4), Vars: r.in(6), Wait: r.in(8), Changes: r.in(8),
	}
	if r.in(3) {
		c.Deadline = grpctest.Of(r.Rand, r.upTo(2*time.Second), r.upTo(30*time.Second), r.upTo(300*time.Second))
	}
	if r.in(3) {
		c.Cancel = grpctest.Of(r.Rand, r.upTo(2*time.Second), r.upTo(30*time.Second))
	}
	if r.in(6) {
		c.Retries = 1 + r.IntN(4)
	}
	if r.in(6) {
		c.Timeout = r.upTo(5 * time.Second)
	}
	if r.in(4) {
		c.Hedge = r.hedge()
	}
	if r.in(8) {
		c.Replay = grpctest.Of(r.Rand, 1, 50, 3000)
	}
	c.Size = r.size()
	r.hooks(&c)
	r.ops(&c)
	r.attempts(&c)
	return c
}

// size returns how large a message is, rarely too large.
func (r *lifeDice) size() int {
	if r.in(20) {
		return 2 * lifeMaxSend
	}
	return grpctest.Of(r.Rand, 0, 0, 0, 100, 100, 4000)
}

// hooks chooses the functions of the caller's.
func (r *lifeDice) hooks(c *lifeCall) {
	if r.in(8) {
		c.Accept = times(r, 3, func() lifeAct { return grpctest.Of(r.Rand, fine, fails, fails, panics, exits, blocks) })
	}
	if r.in(6) {
		c.Fallback = []lifeAct{grpctest.Of(r.Rand, fine, fine, fills, fails, panics, exits, blocks, wrong)}
	}
	if r.in(4) {
		c.Targets = times(r, 3, func() lifeTarget {
			return lifeTarget{grpctest.Of(r.Rand, fine, fine, fine, fine, fine, fails, panics, exits, blocks, wrong), r.in(3)}
		})
	}
	if c.Kind == serverLife && r.in(3) {
		c.Resume = times(r, 3, func() lifeAct { return grpctest.Of(r.Rand, fine, fine, fine, fails, panics, exits, blocks, wrong) })
	}
}

// ops chooses what the caller of a stream does.
func (r *lifeDice) ops(c *lifeCall) {
	if !c.streams() {
		return
	}
	pause := func() time.Duration { return grpctest.Of(r.Rand, 0, 0, 0, r.upTo(3*time.Second)) }
	add := func(do ...lifeMethod) lifeOp {
		return lifeOp{Do: grpctest.Of(r.Rand, do...), After: pause(), Size: r.size()}
	}
	switch {
	case r.in(2):
		c.Ops = times(r, 6, func() lifeOp { return add(opSend, opSend, opSend, opRecv, opHeader, opContext, opCloseSend, opTrailer) })
	default:
		c.Ops = times(r, 6, func() lifeOp { return add(opSend, opSend, opSend, opSend, opHeader, opContext, opCloseSend) })
		c.Beside = times(r, 4, func() lifeOp { return add(opRecv, opRecv, opHeader, opContext, opTrailer) })
	}
	if c.Kind == serverLife && !r.in(5) { // as generated code does
		c.Ops = append([]lifeOp{{Do: opSend, Size: r.size()}, {Do: opCloseSend}},
			slices.DeleteFunc(c.Ops, func(o lifeOp) bool { return o.Do == opSend || o.Do == opCloseSend })...)
	}
}

// attempts chooses what becomes of the attempts.
func (r *lifeDice) attempts(c *lifeCall) {
	mood := grpctest.Of(r.Rand, grpccodes.OK, grpccodes.OK, grpccodes.Unavailable, grpccodes.ResourceExhausted, grpccodes.Unauthenticated)
	if r.in(5) {
		return
	}
	c.Steps = times(r, 5, func() lifeStep { return r.step(mood) })
	if r.in(5) {
		c.Right = times(r, 4, func() lifeRight {
			return lifeRight{grpctest.Of(r.Rand, fine, fails, fails, panics, exits), grpctest.Of(r.Rand, atOpen, atSend, atRecv)}
		})
	}
}

func (r *lifeDice) step(mood grpccodes.Code) lifeStep {
	s := lifeStep{
		Delay: grpctest.Of(r.Rand, 0, 0, r.upTo(3*time.Second)), Header: r.in(4), Early: r.in(6), Replies: grpctest.Of(r.Rand, 0, 0, 1, 3),
		Gap: grpctest.Of(r.Rand, 0, 0, r.upTo(time.Second)), Hang: r.in(12), Cut: r.in(20), Code: mood,
	}
	if mood == grpccodes.OK || r.in(6) {
		s.Code = grpctest.Of(r.Rand, grpccodes.OK, grpccodes.Unavailable, grpccodes.ResourceExhausted, grpccodes.Unauthenticated, grpccodes.Internal,
			grpccodes.DeadlineExceeded, grpccodes.Unknown, grpccodes.InvalidArgument, grpccodes.Aborted, grpccodes.Canceled)
	}
	if s.Code == grpccodes.OK {
		return s
	}
	if r.in(3) {
		s.Hint = grpctest.Of(r.Rand, r.upTo(5*time.Second), r.upTo(60*time.Second))
	}
	s.Quota = s.Code == grpccodes.ResourceExhausted && r.in(2)
	if r.in(10) {
		s.Pushback = grpctest.Of(r.Rand, "0", "-1", "500", "soon")
	}
	return s
}

// each calls f for every element.
func each[T any](all []T, f func(*T)) {
	for i := range all {
		f(&all[i])
	}
}

// calm makes every hook that does so behave.
func (w *lifeWorld) calm(act lifeAct) {
	calm := func(acts []lifeAct) {
		each(acts, func(a *lifeAct) {
			if *a == act {
				*a = fine
			}
		})
	}
	calm(w.Refresh)
	for _, list := range [][]lifeTrouble{w.Observer, w.Logger} {
		each(list, func(t *lifeTrouble) { t.Act = unless(t.Act, act) })
	}
	each(w.Calls, func(c *lifeCall) {
		calm(c.Accept)
		calm(c.Fallback)
		calm(c.Resume)
		each(c.Right, func(r *lifeRight) { r.Act = unless(r.Act, act) })
	})
}

func unless(got, act lifeAct) lifeAct {
	if got == act {
		return fine
	}
	return got
}

// without drops the calls of a kind.
func (w *lifeWorld) without(kind lifeKind) {
	w.Calls = slices.DeleteFunc(w.Calls, func(c lifeCall) bool { return c.Kind == kind })
}
