package interceptor

import (
	"fmt"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/policy"
)

// turned is why the gate has turned a call away.
type turned struct {
	asked time.Duration // hint of the refusal that closed the gate; zero if only the turn is too late
	left  time.Duration // until the turn
	key   string        // key of the gate, as spelled in logs
	limit string        // the known limit in the way; empty for none
	// places tells of every target of the call; empty for a call without targets.
	places string
}

// String returns the sentence for errors.
func (t *turned) String() string {
	const off = "; WithoutGate() switches this off"
	if t.places != "" {
		return fmt.Sprintf("not sent: no target is open: %s%s", t.places, off)
	}
	if t.limit != "" {
		return fmt.Sprintf("not sent: %s are taken (%s), %v are left until the turn of this call%s", t.limit, t.key, rounded(t.left), off)
	}
	if t.asked > 0 {
		return fmt.Sprintf("not sent: %v were asked of this quota (%s), %v are left%s", rounded(t.asked), t.key, rounded(t.left), off)
	}
	return fmt.Sprintf("not sent: other calls wait for this quota (%s), and the turn of this one is in %v%s", t.key, rounded(t.left), off)
}

// turnedAway ends a call whose turn cannot come before its deadline.
func (c *call) turnedAway() error {
	why := c.r.gates.Reason(c.waiter)
	c.barredBy(why)
	t := c.turnedBy(why)
	c.failure.Delay = t.left
	return c.end(ending{why: policy.GateClosed, turned: t, unwaited: true})
}

// turnedBy returns why the gate turns the call away.
func (c *call) turnedBy(why gates.Reason) *turned {
	t := &turned{key: c.r.loggedKey(c.waiter.Key()), left: why.Left}
	switch {
	case why.Limit != policy.Quota{}:
		t.limit = why.Limit.String()
	case why.Closed:
		t.asked = why.Failure.Delay
	}
	return t
}

// barredBy gives a call without an attempt the failure that closed the gate.
func (c *call) barredBy(why gates.Reason) {
	if len(c.history) > 0 {
		return
	}
	c.barred = true
	c.err, c.failure = why.Err, why.Failure
}

// status returns the status of the call: the time left replaces the time named by the
// server. If the call was not sent at all, the sentence replaces the message.
func (t *turned) status(st *status.Status, unsent bool) *status.Status {
	p := st.Proto()
	if unsent {
		p.Message = t.String()
	}
	p.Details = slices.DeleteFunc(p.Details, func(d *anypb.Any) bool { return d.MessageIs((*errdetails.RetryInfo)(nil)) })
	if info, err := anypb.New(&errdetails.RetryInfo{RetryDelay: durationpb.New(t.left)}); err == nil && t.left > 0 {
		p.Details = append(p.Details, info)
	}
	return status.FromProto(p)
}
