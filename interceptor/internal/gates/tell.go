package gates

import (
	"sync"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// Change reports that a gate has closed, probes, or is open again. interceptor.GateEvent
// explains the fields.
type Change struct {
	Key     string
	Target  string
	State   gate.State
	Failure codes.Failure
	Until   time.Time
	Waiting int
	Pace    float64
	DryRun  bool
	Doubted time.Time
}

// note queues a report if the state has changed.
func (g *Gates) note(k *keyed, now time.Time) {
	state := k.State(now)
	if state == k.state {
		return
	}
	k.state = state
	if g.Changed == nil {
		return
	}
	c := Change{
		Key: k.key.Quota, Target: k.key.Target, State: state, Waiting: k.Waiting(), Pace: k.Pace(now), Doubted: k.Doubted(now), DryRun: g.Dry,
	}
	if state != gate.Open {
		c.Failure, c.Until = k.failure, k.Until()
	}
	g.teller.add(func() { g.Changed(c) })
}

// teller runs queued functions one after the other, in order, and without the lock under
// which the functions were queued. The zero value has nothing to run.
type teller struct {
	mu    sync.Mutex
	queue []func()
	busy  sync.Mutex // held while a function runs
}

// add queues a function.
func (t *teller) add(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, f)
}

// len returns the length of the queue.
func (t *teller) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue)
}

// tellAtOnce is how many functions one call of tell runs. A goroutine runs the rest, so
// that the reports of other calls delay no call.
const tellAtOnce = 8

// tell runs the queued functions. If another goroutine does so already, that goroutine runs
// all of them.
func (t *teller) tell() {
	for told := 0; t.busy.TryLock(); told++ {
		if told == tellAtOnce {
			t.busy.Unlock()
			go t.tell()
			return
		}
		if f := t.next(); f != nil {
			func() {
				defer t.busy.Unlock()
				f()
			}()
			continue
		}
		t.busy.Unlock()
		if t.len() == 0 { // otherwise another goroutine has queued a function and found us busy
			return
		}
	}
}

// next takes the first function from the queue, or returns nil.
func (t *teller) next() func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.queue) == 0 {
		return nil
	}
	f := t.queue[0]
	t.queue[0] = nil
	if t.queue = t.queue[1:]; len(t.queue) == 0 {
		t.queue = nil
	}
	return f
}
