package interceptor

import (
	"context"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// newStream opens the stream of an attempt, at the target of the call.
func (p *pending) newStream(ctx context.Context, opts []grpc.CallOption) (grpc.ClientStream, error) {
	t := &p.target
	if p.life != nil && p.life.conn != nil {
		return p.life.conn.NewStream(asAttempt(ctx, t.method), p.desc, t.method, opts...)
	}
	return p.streamer(ctx, p.desc, t.cc, t.method, opts...)
}

// atTarget reports whether the attempt is at another target than the call as it is.
func (p *pending) atTarget() bool { return p.life != nil && p.life.route != nil && p.life.route.at > 0 }

// awaitsFirst reports whether the first message is still to be adapted to the target.
func (p *pending) awaitsFirst() bool { return !p.begun && p.atTarget() }

// forTarget returns the message to send in place of m: another one if m is the first, and
// the attempt is at a target. An error says that the call cannot go there. The lock is held,
// and no retry is under way.
func (p *pending) forTarget(m any) (_ any, cannot error) {
	first := !p.begun
	p.begun = true
	if !first || !p.atTarget() {
		return m, nil
	}
	c := p.life
	s := &c.route.stops[c.route.at]
	c.route.setRequest(m)
	ok := c.adapt(s)
	adapted := s.adapted
	c.route.setRequest(nil) // m is the caller's
	if !ok {
		s.out = true
		return nil, status.Errorf(grpccodes.FailedPrecondition, "interceptor: the call cannot go to target %q", s.Name)
	}
	return adapted, nil
}

// firstMessage returns the first message of a stream at a target, or nil for the message of
// the caller.
func (c *call) firstMessage() any {
	if c.route == nil || c.route.at == 0 {
		return nil
	}
	return c.route.stops[c.route.at].adapted
}
