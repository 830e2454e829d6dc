package interceptor

import (
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
)

// results is what an attempt of its own leaves behind beside its reply.
type results struct {
	header, trailer metadata.MD
	peer            peer.Peer
}

// instead returns the options for the attempt: opts, with the variables of the
// caller's Header, Trailer and Peer options replaced by its own. The trailer is
// captured if it is evidence.
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

// wanted reports whether the caller has asked for any of them.
func wanted(opts []grpc.CallOption) bool {
	return slices.ContainsFunc(opts, func(o grpc.CallOption) bool {
		switch o.(type) {
		case grpc.HeaderCallOption, grpc.TrailerCallOption, grpc.PeerCallOption:
			return true
		}
		return false
	})
}

// ownResults returns the options for an attempt of a stream. It has variables of its own
// in the place of the caller's: one that was given up may still write them.
func (p *pending) ownResults(opts []grpc.CallOption) []grpc.CallOption {
	if !wanted(opts) {
		return opts
	}
	c := p.call()
	c.results = new(results)
	return c.results.instead(opts, false)
}

// deliverFrom gives the caller of a stream what an attempt has left that has ended.
func (c *call) deliverFrom(attempt grpc.ClientStream) {
	if c != nil && c.results != nil && attempt.Context().Err() != nil { // else it is written yet
		c.results.deliver(c.opts)
	}
}

// deliver gives the caller what it has asked for.
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

// copyOf returns a copy of a message that shares nothing with it.
func copyOf(m any) any {
	return proto.Clone(m.(proto.Message)) //nolint:forcetypeassert // whoever hedges has checked it
}

// canBeCopied reports whether m is a protobuf message.
func canBeCopied(m any) bool {
	p, ok := m.(proto.Message)
	return ok && p.ProtoReflect().IsValid()
}

// newMessage returns an empty message of the type of m, which can be copied.
func newMessage(m any) any {
	return m.(proto.Message).ProtoReflect().New().Interface() //nolint:forcetypeassert // whoever hedges has checked it
}

// copyMessage makes to a copy of from, both of the same type.
func copyMessage(to, from any) {
	dst := to.(proto.Message) //nolint:forcetypeassert // whoever hedges has checked it
	proto.Reset(dst)
	proto.Merge(dst, from.(proto.Message)) //nolint:forcetypeassert // likewise
}

// resetResults clears what the caller's Header, Trailer and Peer options hold
// of a failed attempt: grpc writes them only when an attempt has a stream, so
// that they would go on showing an earlier one.
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
