package main

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// world is one run: a scenario, a fleet and its strategy, in virtual time. Everything happens
// as an event, and all chance is seeded, so that the same seed gives the same bytes.
type world struct {
	sc     *scenario
	n      int        // client processes
	hints  bool       // refusals carry hints
	rng    *rand.Rand // chance of the clients
	calls  *rand.Rand // chance of arrivals and their clients
	work   *rand.Rand // chance of the server's working time
	now    time.Duration
	queue  events
	number uint64
	server server
	side   strategy
	got    measures
	made   []int // number of calls, by client
}

// call is one call of one client.
type call struct {
	client   int
	number   int // among the calls of its client
	arrived  time.Duration
	deadline time.Duration // never for a call without a deadline
	size     int           // bytes
	sent     int           // number of attempts
	first    time.Duration // start of the first attempt
	refused  bool          // some attempt was refused
	urgent   bool          // interactive
	over     bool
	own      any // state kept by the strategy
}

// strategy is a client library. Its methods learn what happens to a call, and send or end the
// call.
type strategy interface {
	// arrive takes a new call.
	arrive(w *world, c *call)
	// answer takes the answer to the attempt under way.
	answer(w *world, c *call, f codes.Failure)
	// expire is called when the deadline of a call has passed.
	expire(w *world, c *call)
}

// patient is a strategy that may leave an attempt running at the end of its timeout.
type patient interface {
	giveUp(w *world, c *call) bool
}

// run plays a scenario for n clients.
func run(sc *scenario, n int, hints bool, side strategy, seed uint64) *measures {
	sc = sc.of(n)
	w := &world{sc: sc, n: n, hints: hints, side: side}
	// Separate sources, so that two strategies meet the same calls.
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
	got := w.got // a pointer into the world would keep the world
	return &got
}

// after runs do after d.
func (w *world) after(d time.Duration, do func()) {
	w.number++
	w.queue.push(event{at: w.now + max(d, 0), number: w.number, do: do})
}

// begin starts the arrivals.
func (w *world) begin() {
	w.made = make([]int, w.n)
	if !w.sc.steady {
		w.after(w.nextArrival(), w.arrival)
		return
	}
	every := w.sc.every(w.n)
	for i := range w.n { // each client calls at regular intervals
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

// nextArrival returns the time until the next arrival of a Poisson process.
func (w *world) nextArrival() time.Duration {
	// Thinning, since the rate changes: an arrival at the peak rate counts with probability
	// load/peak.
	at := w.now
	for {
		at += seconds(w.calls.ExpFloat64() / w.sc.peak())
		if at >= w.sc.lasts || w.calls.Float64()*w.sc.peak() < w.sc.load(at) {
			return at - w.now
		}
	}
}

// arrival starts a call of a random client, and plans the next arrival.
func (w *world) arrival() {
	if w.now >= w.sc.lasts {
		return
	}
	w.call(w.calls.IntN(w.n))
	w.after(w.nextArrival(), w.arrival)
}

// never is a deadline never reached.
const never = time.Duration(math.MaxInt64)

// call starts a call of a client.
func (w *world) call(client int) {
	c := &call{client: client, number: w.made[client], arrived: w.now, deadline: never}
	w.made[client]++
	if w.sc.size != nil {
		c.size = w.sc.size(w)
	}
	deadline := w.sc.deadline
	if w.sc.urgent > 0 && w.calls.Float64() < w.sc.urgent {
		c.urgent, deadline = true, w.sc.urgentDeadline
	}
	w.got.offered++
	if deadline > 0 {
		c.deadline = w.now + deadline
		w.after(deadline, func() {
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
			return // too late: no client waits for this answer
		}
		answered = true
		c.refused = c.refused || f.Class == codes.Quota
		w.side.answer(w, c, f)
	})
	if w.sc.attemptTimeout <= 0 {
		return
	}
	var timeout func()
	timeout = func() {
		if answered || c.over || n != c.sent {
			return
		}
		if p, ok := w.side.(patient); ok && !p.giveUp(w, c) {
			w.after(w.sc.attemptTimeout, timeout)
			return
		}
		answered = true
		w.side.answer(w, c, timedOut())
	}
	w.after(w.sc.attemptTimeout, timeout)
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

// left returns the time left of a call.
func (w *world) left(c *call) time.Duration { return c.deadline - w.now }

// seconds converts seconds to a duration.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// event is something to happen. Of two events at the same time, the event planned first comes
// first.
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
