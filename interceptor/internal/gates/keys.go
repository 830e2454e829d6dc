package gates

import (
	"iter"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// mostKeys is how many keys are kept. Judgement: enough for the models, methods and tenants
// of a busy program, at 1 KB each.
const mostKeys = 1024

// Key names a gate: the target of the connection, and the quota there. A refusal by one
// server says nothing about another server.
type Key struct{ Target, Quota string }

// keyed is the state of a key: the knowledge from earlier answers, and the gate with a
// timer.
type keyed struct {
	*gate.Gate // nil while at rest
	memory     gate.Memory
	key        Key
	state      gate.State // last state told
	err        error      // error of the last failure that concerned the gate
	failure    codes.Failure
	generation int         // of the limits in the memory
	refuses    time.Time   // dry run: when the hint of the last refusal ends; zero after a success
	well       time.Time   // dry run: when the server last accepted a call; zero after a failure since
	stop       func() bool // stops the timer; nil for none
	at         time.Time   // when the timer fires
	timer      int         // number of the current timer

	newer, older *keyed
}

// halt stops the timer.
func (k *keyed) halt() {
	k.timer++ // a timer that has fired and waits for the lock no longer counts
	if k.stop != nil {
		k.stop()
		k.stop = nil
	}
}

// keyring holds the keys. Above mostKeys the least recently used key goes, unless calls
// wait there. The zero value is empty.
type keyring struct {
	all            map[Key]*keyed
	newest, oldest *keyed
}

// find returns a key and marks the key as used, or returns nil.
func (r *keyring) find(name Key) *keyed {
	k := r.all[name]
	if k != nil && k != r.newest {
		r.unlink(k)
		r.link(k)
	}
	return k
}

// add adds a key, and drops keys of no use, and old keys for lack of room. It returns nil
// if there is no room for the new key.
func (r *keyring) add(name Key, now time.Time, drop func(*keyed)) *keyed {
	for k := r.oldest; k != nil; {
		newer := k.newer
		idle := k.Gate == nil && k.memory.Stale(now)
		if !idle && len(r.all) < mostKeys {
			break
		}
		if idle || k.Gate == nil || k.Waiting() == 0 {
			drop(k)
			r.unlink(k)
			delete(r.all, k.key)
		}
		k = newer
	}
	if len(r.all) >= mostKeys {
		return nil
	}
	if r.all == nil {
		r.all = map[Key]*keyed{}
	}
	k := &keyed{key: name}
	r.all[name] = k
	r.link(k)
	return k
}

// gated returns the keys with a gate.
func (r *keyring) gated() iter.Seq[*keyed] {
	return func(yield func(*keyed) bool) {
		for k := r.newest; k != nil; {
			older := k.older
			if k.Gate != nil && !yield(k) {
				return
			}
			k = older
		}
	}
}

func (r *keyring) link(k *keyed) {
	k.older, k.newer = r.newest, nil
	if r.newest == nil {
		r.oldest = k
	} else {
		r.newest.newer = k
	}
	r.newest = k
}

func (r *keyring) unlink(k *keyed) {
	if k.newer == nil {
		r.newest = k.older
	} else {
		k.newer.older = k.older
	}
	if k.older == nil {
		r.oldest = k.newer
	} else {
		k.older.newer = k.newer
	}
}
