package interceptor

import "time"

// hold defers the next attempt by wait, or leaves a longer deferral in place.
func (r *race) hold(wait time.Duration) {
	till := r.c.r.clock.Now().Add(wait)
	if till.After(r.till) {
		r.till = till
		r.arm(wait)
	}
}

// arm sets the timer for the next attempt.
func (r *race) arm(after time.Duration) {
	r.disarm()
	r.set++
	n, wake := r.set, r.wake
	r.stop = r.c.r.clock.AfterFunc(after, func() { wake <- n })
}

// disarm stops the timer.
func (r *race) disarm() {
	if r.stop != nil {
		r.stop()
		r.stop = nil
	}
}

// release stops the timer for good. A deferred attempt does not start, and is not paid for.
func (r *race) release() {
	r.disarm()
	if r.deferred {
		r.deferred = false
		r.c.state.Attempts--
		r.c.r.budget.Return(r.pays)
	}
}
