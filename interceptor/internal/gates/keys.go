package gates

import (
	"iter"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// mostKeys is how many keys are kept. Judgement: enough for the models,
// methods and tenants of a busy program, at 1 KB each.
const mostKeys = 1024

// Key names a gate: what the connection is made to, and the quota there. A server that
// refuses says nothing about another.
type Key struct{ Target, Quota string }

// keyed is what is kept of a key: what its answers have taught, and its gate with a
// timer.
type keyed struct {
	*gate.Gate // nil while it is at rest
	memory     gate.Memory
	key        Key
	state      gate.State // that was told
	err        error      // why it closed last
	failure    codes.Failure
	refuses    time.Time   // in a dry run: until when the server has said last that it refuses; zero if it is well
	well       time.Time   // likewise: when it has last accepted a call; zero if it has failed since
	stop       func() bool // stops the timer; nil for none
	at         time.Time   // when it fires
	timer      int         // the number of the one that counts

	newer, older *keyed
}

// halt stops the timer.
func (k *keyed) halt() {
	k.timer++ // one that has fired and waits for the lock counts no longer
	if k.stop != nil {
		k.stop()
		k.stop = nil
	}
}

// keyring is the keys. When there are too many, the one that was used
// longest ago goes, unless calls wait there. The zero value is empty.
type keyring struct {
	all            map[Key]*keyed
	newest, oldest *keyed
}

// find returns a key that is used, or nil.
func (r *keyring) find(name Key) *keyed {
	k := r.all[name]
	if k != nil && k != r.newest {
		r.unlink(k)
		r.link(k)
	}
	return k
}

// add adds a key, and drops those for which there is no use or no room. It returns
// nil if there is no room for the new one.
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

// gated returns the keys that have a gate.
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
