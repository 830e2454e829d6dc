package interceptor

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/interceptor/internal/hook"
	"github.com/reinvoke/reinvoke/policy"
)

// route is the places of a call with targets: the call as it is, followed by the targets.
// A call has a route from its first failure on, or from the first closed gate.
type route struct {
	stops []stop
	at    int // the stop of the current attempt
	next  int // the stop decided on for the next attempt; negative to choose anew
	// charged is the stop whose row of the table pays for the next attempt; negative for none.
	charged int
	// stands is the failed attempt behind the last decision; nil if only the last attempt can
	// be.
	stands *past
	// unfounded says that no failure stands: all attempts went to targets that the call
	// could not use.
	unfounded bool
	// request is the request of the call as it is; the first message for a stream, nil
	// before.
	request any
	ctx     context.Context // of the call as it is
	broken  error           // of an Adapt that panicked
}

// stop is one place of a route.
type stop struct {
	Target

	ctx     context.Context // of Adapt, as is adapted, if known
	adapted any
	known   bool
	to      string // the server, once the call has been there
	info    *CallInfo

	out    bool // the call cannot go there
	tried  bool // an attempt has failed there, as past tells
	waiter *gates.Waiter
	past   past
}

// past is the last failed attempt at a stop, with what the call knew then.
type past struct {
	failure              codes.Failure
	err                  error
	at                   time.Time
	ownTimeout, ownQuota bool
	canRefresh           bool
	atGate               bool          // the gate alone delays the next attempt,
	opens                time.Duration // by this
	due                  time.Time     // end of the delay asked by the server; zero for none
	ready                time.Time     // end of the wait of the table
	done                 bool          // the table allows no further attempt there
	quota                quotaRow      // every target has a quota of its own
}

// quotaRow counts the retries of class Quota at one stop.
type quotaRow struct{ retries, exponents int }

// routed returns the route of the call, or nil for a call without targets.
func (c *call) routed() *route {
	if c.route != nil || len(c.knobs.targets) == 0 || c.fellBack || c.resumed || c.racing > 0 || !c.travels() {
		return c.route
	}
	rt := &route{stops: make([]stop, 1+len(c.knobs.targets)), next: -1, charged: -1, request: c.request, ctx: c.ctx}
	rt.stops[0].Conn, rt.stops[0].to, rt.stops[0].info = connOf(c.cc), c.to(), c.info
	for i, t := range c.knobs.targets {
		rt.stops[1+i].Target = t
		if t.Conn == nil {
			rt.stops[1+i].Conn = rt.stops[0].Conn
		}
	}
	c.route = rt
	c.adapt(&rt.stops[0])
	return rt
}

// travels reports whether the call can go to another place: functions cannot.
func (c *call) travels() bool {
	return c.kind != function || (c.info != nil && c.info.Request != nil)
}

// connOf returns a connection as an interface that is nil for none.
func connOf(cc *grpc.ClientConn) grpc.ClientConnInterface {
	if cc == nil {
		return nil
	}
	return cc
}

// stand takes the call to stop i: context, connection and request become those of the
// stop. It reports false, and leaves the call where it is, if the call cannot go there.
func (c *call) stand(i int) bool {
	s := &c.route.stops[i]
	if s.out || (i > 0 && isClosed(s.Conn)) || !c.adapt(s) {
		s.out = true
		return false
	}
	c.move(i)
	return true
}

// isClosed reports whether a connection is known to be closed.
func isClosed(conn grpc.ClientConnInterface) bool {
	cc, ok := conn.(*grpc.ClientConn)
	return ok && cc != nil && cc.GetState() == connectivity.Shutdown
}

// move takes the call to stop i, where it has been before.
func (c *call) move(i int) {
	rt := c.route
	s := &rt.stops[i]
	rt.at = i
	c.ctx, c.name, c.waiter, c.due = s.ctx, s.Name, s.waiter, s.past.due
	if c.kind&streams == 0 {
		c.request = s.adapted
	}
	c.info = s.info
	own := rt.stops[0].Conn
	c.cc, _ = s.Conn.(*grpc.ClientConn)
	if c.conn = s.Conn; sameConn(s.Conn, own) {
		c.conn = nil
	}
	s.to = c.to()
}

// setRequest replaces the request that Adapt is asked about.
func (rt *route) setRequest(request any) {
	rt.request = request
	for i := range rt.stops {
		rt.stops[i].known = false
	}
}

// stay makes the current stop the only one: a stream that has shown something goes on where
// it was.
func (rt *route) stay() {
	for i := range rt.stops {
		rt.stops[i].out, rt.stops[i].past.quota = i != rt.at, quotaRow{}
	}
}

// adapted is what an Adapt function has returned.
type adapted struct {
	ctx     context.Context
	request any
	ok      bool
}

// adapt asks the target for context and request, once for each request.
func (c *call) adapt(s *stop) bool {
	rt := c.route
	if s.known {
		return true
	}
	s.known = true
	s.ctx, s.adapted = rt.ctx, rt.request
	own := rt.stops[0].info
	if s.Adapt == nil { // another connection alone is no other place for a call of Invoke
		return s == &rt.stops[0] || (own == nil && !sameConn(s.Conn, rt.stops[0].Conn))
	}
	got, request := new(adapted), rt.request // an abandoned function may use these later
	if broken := hook.Run(rt.ctx, "WithTargets", func() { got.ctx, got.request, got.ok = s.Adapt(rt.ctx, request) }); broken != nil {
		rt.fail(broken)
		return false
	}
	if !got.ok {
		return false
	}
	s.ctx, s.adapted = got.ctx, got.request
	if wrong := s.fault(rt.request); wrong != nil {
		rt.fail(wrong)
		return false
	}
	if own != nil {
		info := *own
		if own.Describe != nil {
			info = own.Describe(s.adapted)
		}
		info.Method = c.method
		s.info = &info
	}
	return true
}

// fail notes the fault of an Adapt function.
func (rt *route) fail(fault error) {
	if hook.Failed(fault) && rt.broken == nil {
		rt.broken = fault
	}
}

// fault returns what is wrong with the answer of Adapt, or nil.
func (s *stop) fault(req any) error {
	wrong := ""
	if s.ctx == nil {
		wrong = "got a nil context: want one derived from the given one"
	} else if req != nil {
		wrong = wrongType(req, s.adapted)
	}
	if wrong == "" {
		return nil
	}
	return &hook.Error{Option: "WithTargets", Text: fmt.Sprintf("target %q: %s", s.Name, wrong)}
}

// leaveRoute takes the call back to its own place, for good: a fallback has another
// request.
func (c *call) leaveRoute() {
	if c.route == nil {
		return
	}
	c.move(0)
	c.route = nil
}

// elsewhere says whether stop to is behind the connection of stop from.
func (rt *route) elsewhere(from, to int) policy.Elsewhere {
	a, b := &rt.stops[from], &rt.stops[to]
	same := sameConn(a.Conn, b.Conn)
	if a.info != nil && b.info != nil {
		same = a.info.Target == b.info.Target
	}
	if same {
		return policy.SameConnection
	}
	return policy.OtherConnection
}

// sameConn reports whether two connections are the same.
func sameConn(a, b grpc.ClientConnInterface) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return reflect.TypeOf(a).Comparable() && reflect.TypeOf(b).Comparable() && a == b
}
