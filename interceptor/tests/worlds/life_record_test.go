package worlds_test

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// lifeKey is the key of a call's record in its context.
type lifeKey struct{}

func lifeOf(ctx context.Context) *lifeRecord {
	rec, _ := ctx.Value(lifeKey{}).(*lifeRecord)
	return rec
}

// lifeRecord is what happened to a call.
type lifeRecord struct {
	*lifeCall
	id     int
	ctx    context.Context
	cancel context.CancelFunc
	start  time.Time

	mu       sync.Mutex
	log      []lifeEntry
	finals   []interceptor.Event
	contexts []context.Context // of the attempts
	sent     int               // messages that the caller has sent
	arrived  map[int][]string  // messages, by attempt
	bodies   []string          // that the caller has received
	asked    [4]int            // how often its hooks were asked
	finished []error           // OnFinish

	ended    bool // the caller was told that the call has
	err      error
	returned time.Time
	exiting  bool   // one of its hooks is about to end its goroutine
	broken   string // how a hook has ended the call
}

// Which hook lifeRecord.asked counts.
const (
	acceptHook = iota
	fallbackHook
	resumeHook
)

// lifeEntry is something that happened to a call, in order.
type lifeEntry struct {
	begun    bool // an attempt has; else it has ended
	success  bool
	decision policy.Decision
}

func newLifeRecord(id int, c *lifeCall) *lifeRecord {
	return &lifeRecord{lifeCall: c, id: id, arrived: map[int][]string{}}
}

// begin notes an attempt and returns its number, counted from 0.
func (l *lifeRun) begin(ctx context.Context, r *lifeRecord) int {
	if l.w.Breaker {
		l.breaker.begun(r)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, lifeEntry{begun: true})
	r.contexts = append(r.contexts, ctx)
	return len(r.contexts) - 1
}

// fellBack notes that another request goes on: the retry decided on before, at a gate, does
// not begin.
func (r *lifeRecord) fellBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, lifeEntry{})
}

// ask counts that a hook was asked, and returns how often it was before.
func (r *lifeRecord) ask(hook int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked[hook]++
	return r.asked[hook] - 1
}

// end notes how the call has ended for the caller.
func (r *lifeRecord) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.ended, r.err, r.returned = true, err, time.Now()
	}
}

// plannedPanic is a panic that the world has planned.
type plannedPanic struct{ hook string }

// String says that the panic is planned, to whoever finds it in another one.
func (p plannedPanic) String() string { return "planned panic of " + p.hook }

// misbehave panics or ends the goroutine. It does nothing where that would end the
// process, that is, on a goroutine that neither the caller nor a hook's guard has begun.
func (l *lifeRun) misbehave(rec *lifeRecord, act lifeAct, hook string, guarded bool) {
	if (act != panics && act != exits) || l.quiet.Load() || (!guarded && *lifeCrash == "" && !onCaller()) {
		return
	}
	if act == panics {
		panic(plannedPanic{hook})
	}
	if !guarded {
		rec.mu.Lock()
		rec.exiting = true
		rec.mu.Unlock()
	}
	runtime.Goexit()
}

// onCaller reports whether this goroutine is one of a caller's.
func onCaller() bool {
	var pcs [256]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs[:])])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "(*lifeRun).guard") {
			return true
		}
		if !more {
			return false
		}
	}
}

// guard runs what the caller does. It notes a panic, or the end of the goroutine.
func (l *lifeRun) guard(rec *lifeRecord, f func()) {
	returned := false
	defer func() {
		p := recover()
		rec.mu.Lock()
		defer rec.mu.Unlock()
		planned := strings.Contains(fmt.Sprint(p), "planned panic")
		switch {
		case returned:
		case p == nil && rec.exiting:
			rec.broken = "the goroutine has ended"
		case planned:
			rec.broken = fmt.Sprint(p)
		default:
			l.problem("panic", "call %d: %v\n%s", rec.id, p, debug.Stack())
		}
	}()
	f()
	returned = true
}
