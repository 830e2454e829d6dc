package gates

import (
	"sync"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// Change tells that a gate has closed, probes, or is open again. Its fields are those of
// interceptor.GateEvent, which explains them.
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

// note queues a change of state to be told.
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

// teller tells things one after the other and in their order, without the lock of whoever
// has queued them. The zero value has nothing to tell.
type teller struct {
	mu    sync.Mutex
	queue []func()
	busy  sync.Mutex // held by whoever tells
}

// add queues what tell is to call.
func (t *teller) add(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, f)
}

// len returns how long the queue is.
func (t *teller) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.queue)
}

// tellAtOnce is how much one call tells; a goroutine tells what is left, so that no call
// is kept for what others do.
const tellAtOnce = 8

// tell tells what is queued, unless someone is at it, who will tell it too.
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
		if t.len() == 0 { // whoever has queued something meanwhile has found us busy
			return
		}
	}
}

// next takes what is to be told next, or nil.
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
