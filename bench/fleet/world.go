package main

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// world is one run: a scenario, a fleet and its strategy, in virtual time. All
// that happens is an event; all chance comes from one seeded source, so that the
// same seed gives the same bytes.
type world struct {
	sc     *scenario
	n      int        // client processes
	hints  bool       // refusals say when to come back
	rng    *rand.Rand // of the clients
	calls  *rand.Rand // when calls come, and to whom
	work   *rand.Rand // how long the server takes
	now    time.Duration
	queue  events
	number uint64
	server server
	side   strategy
	got    measures
	made   []int // calls, by client
}

// call is one call of one client.
type call struct {
	client   int
	number   int // among those of its client
	arrived  time.Duration
	deadline time.Duration // never if it is past the end of time
	size     int           // bytes
	sent     int           // attempts
	first    time.Duration // when the first one began
	refused  bool          // one of them was
	over     bool
	own      any // what the strategy keeps of it
}

// strategy is a client library. Its methods are told what happens to a call, and
// send it, or end it.
type strategy interface {
	// arrive takes a new call.
	arrive(w *world, c *call)
	// answer takes the answer to the attempt that is under way.
	answer(w *world, c *call, f codes.Failure)
	// expire is told that the deadline of a call has passed.
	expire(w *world, c *call)
}

// run plays a scenario for n clients.
func run(sc *scenario, n int, hints bool, side strategy, seed uint64) *measures {
	sc = sc.of(n)
	w := &world{sc: sc, n: n, hints: hints, side: side}
	// Of their own, so that two strategies meet the same calls.
	w.calls, w.work, w.rng = rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2)), rand.New(rand.NewPCG(seed, 3))
	w.server = sc.server(w)
	w.got.init(sc)
	if o, ok := side.(*omniscient); ok {
		o.begin(w)
	}
	w.begin()
	for len(w.queue) > 0 {
		e := w.queue.pop()
		w.now = e.at
		e.do()
	}
	w.got.finish()
	return &w.got
}

// after has do happen after d.
func (w *world) after(d time.Duration, do func()) {
	w.number++
	w.queue.push(event{at: w.now + max(d, 0), number: w.number, do: do})
}

// begin has calls arrive.
func (w *world) begin() {
	w.made = make([]int, w.n)
	if !w.sc.steady {
		w.after(w.nextArrival(), w.arrival)
		return
	}
	every := w.sc.every(w.n)
	for i := range w.n { // a client calls at regular intervals
		var tick func()
		tick = func() {
			if w.now < w.sc.lasts {
				w.call(i)
				w.after(every, tick)
			}
		}
		w.after(time.Duration(w.calls.Float64()*float64(every)), tick)
	}
}

// nextArrival returns the time to the next arrival, of a Poisson process.
func (w *world) nextArrival() time.Duration {
	// Thinning, since the rate changes: the peak's process, of which the share
	// of the present rate counts.
	at := w.now
	for {
		at += seconds(w.calls.ExpFloat64() / w.sc.peak())
		if at >= w.sc.lasts || w.calls.Float64()*w.sc.peak() < w.sc.load(at) {
			return at - w.now
		}
	}
}

// arrival is the arrival of a call.
func (w *world) arrival() {
	if w.now >= w.sc.lasts {
		return
	}
	w.call(w.calls.IntN(w.n))
	w.after(w.nextArrival(), w.arrival)
}

// never is a deadline that no call reaches.
const never = time.Duration(math.MaxInt64)

// call makes a call of a client.
func (w *world) call(client int) {
	c := &call{client: client, number: w.made[client], arrived: w.now, deadline: never}
	w.made[client]++
	if w.sc.size != nil {
		c.size = w.sc.size(w)
	}
	w.got.offered++
	if w.sc.deadline > 0 {
		c.deadline = w.now + w.sc.deadline
		w.after(w.sc.deadline, func() {
			if !c.over {
				c.over = true
				w.side.expire(w, c)
				w.got.ended(w, c, false)
			}
		})
	}
	w.side.arrive(w, c)
}

// send makes an attempt.
func (w *world) send(c *call) {
	if c.sent == 0 {
		c.first = w.now
	}
	c.sent++
	n := c.sent
	w.got.request(w.now)
	answered := false
	w.server.request(w, c, func(f codes.Failure) {
		if answered || c.over || n != c.sent {
			return // no one waits for it any more
		}
		answered = true
		c.refused = c.refused || f.Class == codes.Quota
		w.side.answer(w, c, f)
	})
	if w.sc.attemptTimeout > 0 {
		w.after(w.sc.attemptTimeout, func() {
			if answered || c.over || n != c.sent {
				return
			}
			answered = true
			w.side.answer(w, c, timedOut())
		})
	}
}

// succeed ends a call with success, fail without.
func (w *world) succeed(c *call) {
	c.over = true
	w.got.ended(w, c, true)
}

func (w *world) fail(c *call) {
	c.over = true
	w.got.ended(w, c, false)
}

// left returns the time that a call has left.
func (w *world) left(c *call) time.Duration { return c.deadline - w.now }

// seconds makes a duration of seconds.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// event is something that happens. Of two at the same time the one that was
// planned first comes first.
type event struct {
	at     time.Duration
	number uint64
	do     func()
}

func (e *event) before(o *event) bool {
	return e.at < o.at || (e.at == o.at && e.number < o.number)
}

// events is a heap, written out because container/heap would box every event.
type events []event

func (h *events) push(e event) {
	*h = append(*h, e)
	q := *h
	for i := len(q) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q[i].before(&q[parent]) {
			break
		}
		q[i], q[parent] = q[parent], q[i]
		i = parent
	}
}

func (h *events) pop() event {
	q := *h
	top := q[0]
	last := len(q) - 1
	q[0] = q[last]
	q[last] = event{}
	q = q[:last]
	*h = q
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(q); child++ {
			if q[child].before(&q[least]) {
				least = child
			}
		}
		if least == i {
			return top
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}
