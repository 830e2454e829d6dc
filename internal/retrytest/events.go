package retrytest

import (
	"context"
	"sync"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// Watcher is an Observer keeping all events.
type Watcher struct {
	mu     sync.Mutex
	Events []interceptor.Event
}

// Observe is the Observer.
func (w *Watcher) Observe(_ context.Context, e interceptor.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Events = append(w.Events, e)
}

// Last returns the last event.
func (w *Watcher) Last() interceptor.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.Events) == 0 {
		return interceptor.Event{}
	}
	return w.Events[len(w.Events)-1]
}

// Whys returns the reason of the decision after each attempt.
func (w *Watcher) Whys() []policy.Why {
	w.mu.Lock()
	defer w.mu.Unlock()
	var whys []policy.Why
	for _, e := range w.Events {
		if e.Outcome == interceptor.Pending {
			whys = append(whys, e.Decision.Why)
		}
	}
	return whys
}
