package interceptor

import (
	"io"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// unkept says why a stream has nothing to retry with.
type unkept uint8

const (
	kept         unkept = iota // it has
	tooLarge                   // more was sent than is kept
	noProto                    // what was sent is no protobuf message
	notEncodable               // or cannot be encoded as one
	toldBroken                 // the caller was told that the stream is broken, and may have stopped sending
)

// advice returns what a caller can do about it, or at least the reason.
func (u unkept) advice() string {
	switch u {
	case tooLarge:
		return "the stream has sent too much to be kept for a retry: interceptor.WithReplayBuffer allows more"
	case noProto:
		return "the request is no protobuf message and cannot be kept for a retry"
	case notEncodable:
		return "the request cannot be encoded as protobuf, and so not be kept for a retry"
	case kept, toldBroken:
	}
	return ""
}

// replay is what a stream has sent, to be sent again on another attempt:
// encoded, as it was when it was sent.
type replay struct {
	encoded []byte
	sent    []sentMessage
	first   [1]sentMessage // where sent begins
	closed  bool           // CloseSend was called
}

// sentMessage is a message in the buffer.
type sentMessage struct {
	kind protoreflect.MessageType
	end  int // in encoded, where the next one begins
}

// keep encodes a message, if it can be and fits into the limit.
func (p *pending) keep(m any) unkept {
	// A message of the old API alone is not kept: it may be one of gogo's, which
	// only its own codec encodes whole.
	msg, ok := m.(proto.Message)
	if !ok {
		return noProto
	}
	size := proto.Size(msg)
	before := len(p.replay.encoded)
	if p.limit < 0 {
		p.limit = p.replayLimit()
	}
	if before+size > p.limit {
		return tooLarge
	}
	buffer := p.replay.encoded
	if buffer == nil {
		buffer = make([]byte, 0, size)
	}
	buffer, err := proto.MarshalOptions{AllowPartial: true, UseCachedSize: true}.MarshalAppend(buffer, msg)
	if err != nil { // SendMsg is about to say so, unless the codec is another
		return notEncodable
	}
	p.replay.add(buffer, msg)
	return kept
}

// replayLimit finds out how much may be kept.
func (p *pending) replayLimit() int {
	t := &p.target
	switch {
	case p.life != nil && p.life.resolved:
		return p.life.knobs.replay
	case len(t.r.methods) == 0 && len(fromContext(t.ctx)) == 0 && !hasCallOption(t.opts):
		return t.r.base.replay
	}
	_, k := t.r.resolve(t.ctx, t.method, t.opts)
	return k.replay
}

// clone returns a copy that stays as it is when more is added to b.
func (b *replay) clone() replay {
	return replay{encoded: b.encoded, sent: slices.Clone(b.sent), closed: b.closed}
}

// add adds a message; buffer is encoded, with the message at its end.
func (b *replay) add(buffer []byte, msg proto.Message) {
	if b.sent == nil {
		b.sent = b.first[:0]
	}
	b.encoded = buffer
	b.sent = append(b.sent, sentMessage{msg.ProtoReflect().Type(), len(buffer)})
}

// message decodes message i.
func (b *replay) message(i int) (proto.Message, error) {
	begin := 0
	if i > 0 {
		begin = b.sent[i-1].end
	}
	m := b.sent[i].kind.New().Interface()
	return m, proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(b.encoded[begin:b.sent[i].end], m)
}

// replace puts another message into the place of the first one.
func (b *replay) replace(msg proto.Message) error {
	var other replay
	for i := range b.sent {
		if i > 0 {
			var err error
			if msg, err = b.message(i); err != nil {
				return err
			}
		}
		buffer, err := proto.MarshalOptions{AllowPartial: true}.MarshalAppend(other.encoded, msg)
		if err != nil {
			return err
		}
		other.add(buffer, msg)
	}
	b.encoded, b.sent = other.encoded, slices.Clone(other.sent)
	return nil
}

// to sends everything on an attempt. If that breaks, RecvMsg finds out why: the
// error is one of the client's own making, or nil.
func (b *replay) to(attempt grpc.ClientStream) error {
	for i := range b.sent {
		m, err := b.message(i)
		if err != nil {
			return err
		}
		if err := attempt.SendMsg(m); err == io.EOF { //nolint:errorlint // grpc returns io.EOF itself
			return nil
		} else if err != nil {
			return err
		}
	}
	if b.closed {
		_ = attempt.CloseSend() // likewise
	}
	return nil
}
