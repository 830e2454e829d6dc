package interceptor

import (
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// keep encodes the request for a retry, if it can be.
func (p *pending) keep(m any) {
	t := &p.target
	// A message of the old API alone is not kept: it may be one of gogo's, which
	// only its own codec encodes whole.
	msg, ok := m.(proto.Message)
	if !ok {
		p.unkept = "the request is no protobuf message and cannot be kept for a retry"
		return
	}
	if p.sent != nil { // grpc refuses a second request
		return
	}
	size := proto.Size(msg)
	limit := t.r.base.replay
	switch {
	case p.life != nil && p.life.resolved: // NewStream has failed before
		limit = p.life.knobs.replay
	case size > limit:
		_, k := t.r.resolve(t.ctx, t.method, t.opts)
		limit = k.replay
	}
	if size > limit {
		p.unkept = tooLarge
		return
	}
	encoded, err := proto.MarshalOptions{AllowPartial: true, UseCachedSize: true}.MarshalAppend(make([]byte, 0, size), msg)
	if err != nil { // SendMsg is about to say so, unless the codec is another
		p.unkept = "the request cannot be encoded as protobuf, and so not be kept for a retry"
		return
	}
	p.sent, p.request = msg.ProtoReflect().Type(), encoded
}

// replay sends on a new attempt what was sent on the one before. If that
// breaks, RecvMsg finds out why.
func (p *pending) replay(attempt grpc.ClientStream) error {
	if p.sent != nil {
		m := p.sent.New().Interface()
		if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(p.request, m); err != nil {
			return err
		}
		if err := attempt.SendMsg(m); err != nil && err != io.EOF { //nolint:errorlint // grpc returns io.EOF itself
			return err
		}
	}
	if p.closed {
		_ = attempt.CloseSend() // likewise
	}
	return nil
}
