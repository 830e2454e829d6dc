package interceptor

import (
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
)

// results holds what one attempt leaves behind beside the reply.
type results struct {
	header, trailer metadata.MD
	peer            peer.Peer
}

// instead returns opts with r in place of the variables of the caller's Header, Trailer
// and Peer options. If evidence is true, r captures the trailer in any case.
func (r *results) instead(opts []grpc.CallOption, evidence bool) []grpc.CallOption {
	var header, trailer, from bool
	own := make([]grpc.CallOption, 0, len(opts)+3)
	for _, o := range opts {
		switch o.(type) {
		case grpc.HeaderCallOption:
			header = true
		case grpc.TrailerCallOption:
			trailer = true
		case grpc.PeerCallOption:
			from = true
		default:
			own = append(own, o)
		}
	}
	if header {
		own = append(own, grpc.Header(&r.header))
	}
	if trailer || evidence {
		own = append(own, grpc.Trailer(&r.trailer))
	}
	if from {
		own = append(own, grpc.Peer(&r.peer))
	}
	return own
}

// wanted reports whether the caller has asked for a header, a trailer or a peer.
func wanted(opts []grpc.CallOption) bool {
	return slices.ContainsFunc(opts, func(o grpc.CallOption) bool {
		switch o.(type) {
		case grpc.HeaderCallOption, grpc.TrailerCallOption, grpc.PeerCallOption:
			return true
		}
		return false
	})
}

// ownResults returns the options for an attempt of a stream. The attempt writes to its
// own variables, because an abandoned attempt may still write after the next has begun.
func (p *pending) ownResults(opts []grpc.CallOption) []grpc.CallOption {
	if !wanted(opts) {
		return opts
	}
	c := p.call()
	c.results = new(results)
	return c.results.instead(opts, false)
}

// deliverFrom gives the caller of a stream the results of an attempt that has ended.
func (c *call) deliverFrom(attempt grpc.ClientStream) {
	if c != nil && c.results != nil && attempt.Context().Err() != nil { // otherwise grpc may still write the results
		c.results.deliver(c.opts)
	}
}

// deliver copies the results to the caller's variables.
func (r *results) deliver(opts []grpc.CallOption) {
	for _, o := range opts {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			if o.HeaderAddr != nil {
				*o.HeaderAddr = r.header
			}
		case grpc.TrailerCallOption:
			if o.TrailerAddr != nil {
				*o.TrailerAddr = r.trailer
			}
		case grpc.PeerCallOption:
			if o.PeerAddr != nil {
				*o.PeerAddr = r.peer
			}
		}
	}
}

// copyOf returns a deep copy of a message.
func copyOf(m any) any {
	return proto.Clone(m.(proto.Message)) //nolint:forcetypeassert // whoever hedges has checked it
}

// canBeCopied reports whether m is a protobuf message.
func canBeCopied(m any) bool {
	p, ok := m.(proto.Message)
	return ok && p.ProtoReflect().IsValid()
}

// newMessage returns an empty message of the type of m, a protobuf message.
func newMessage(m any) any {
	return m.(proto.Message).ProtoReflect().New().Interface() //nolint:forcetypeassert // whoever hedges has checked it
}

// copyMessage overwrites to with a copy of from. Both have the same type.
func copyMessage(to, from any) {
	dst := to.(proto.Message) //nolint:forcetypeassert // whoever hedges has checked it
	proto.Reset(dst)
	proto.Merge(dst, from.(proto.Message)) //nolint:forcetypeassert // likewise
}

// resetResults clears the variables of the caller's Header, Trailer and Peer options
// after a failed attempt. grpc writes these variables only when an attempt has a stream:
// without a reset the values of an earlier attempt would remain.
func resetResults(opts []grpc.CallOption) {
	for _, o := range opts {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			if o.HeaderAddr != nil {
				*o.HeaderAddr = nil
			}
		case grpc.TrailerCallOption:
			if o.TrailerAddr != nil {
				*o.TrailerAddr = nil
			}
		case grpc.PeerCallOption:
			if o.PeerAddr != nil {
				*o.PeerAddr = peer.Peer{}
			}
		}
	}
}
