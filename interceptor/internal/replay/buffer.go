// Package replay keeps what a stream has sent, to send it again on another attempt. It
// knows messages and attempts, and no call.
package replay

import (
	"io"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Buffer is messages, encoded as they were when they were sent. The zero value is empty.
// It is not safe for concurrent use.
type Buffer struct {
	Closed bool // CloseSend was called

	encoded []byte
	sent    []message
	first   [1]message // where sent begins
}

// message is one of the messages.
type message struct {
	kind protoreflect.MessageType
	end  int // in encoded, where the next one begins
}

// Keep adds a message, if it can be encoded and no more than most bytes are then kept.
func (b *Buffer) Keep(m any, most int) Unkept {
	// A message of the old API alone is not kept: it may be one of gogo's, which
	// only its own codec encodes whole.
	msg, ok := m.(proto.Message)
	if !ok {
		return NoProto
	}
	size := proto.Size(msg)
	if size > most-len(b.encoded) {
		return TooLarge
	}
	buffer := b.encoded
	if buffer == nil {
		buffer = make([]byte, 0, size)
	}
	buffer, err := proto.MarshalOptions{AllowPartial: true, UseCachedSize: true}.MarshalAppend(buffer, msg)
	if err != nil { // SendMsg is about to say so, unless the codec is another
		return NotEncodable
	}
	if b.sent == nil {
		b.sent = b.first[:0]
	}
	b.encoded = buffer
	b.sent = append(b.sent, message{msg.ProtoReflect().Type(), len(buffer)})
	return Kept
}

// Len returns how many messages there are.
func (b *Buffer) Len() int { return len(b.sent) }

// Encoded returns the messages one after the other. It is shared: do not change it.
func (b *Buffer) Encoded() []byte { return b.encoded }

// Clear removes the messages, and keeps their room.
func (b *Buffer) Clear() { b.encoded, b.sent = b.encoded[:0], b.sent[:0] }

// Clone returns a copy that stays as it is when more is added to b. It is void once b is
// cleared.
func (b *Buffer) Clone() Buffer {
	return Buffer{encoded: b.encoded, sent: slices.Clone(b.sent), Closed: b.Closed}
}

// Message decodes message i.
func (b *Buffer) Message(i int) (proto.Message, error) {
	begin := 0
	if i > 0 {
		begin = b.sent[i-1].end
	}
	m := b.sent[i].kind.New().Interface()
	return m, proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(b.encoded[begin:b.sent[i].end], m)
}

// Replace puts another message into the place of the first one, if there is one. Clones
// of the Buffer stay as they are.
func (b *Buffer) Replace(msg proto.Message) error {
	if len(b.sent) == 0 {
		return nil
	}
	encoded, err := proto.MarshalOptions{AllowPartial: true}.Marshal(msg)
	if err != nil {
		return err
	}
	begin := b.sent[0].end
	more := len(encoded) - begin
	b.encoded = append(encoded, b.encoded[begin:]...)
	b.sent[0].kind = msg.ProtoReflect().Type()
	for i := range b.sent {
		b.sent[i].end += more
	}
	return nil
}

// SendTo sends everything on an attempt. If that breaks, RecvMsg finds out why: the error
// is one of the client's own making, or nil.
func (b *Buffer) SendTo(attempt grpc.ClientStream) error {
	for i := range b.sent {
		m, err := b.Message(i)
		if err != nil {
			return err
		}
		if err := attempt.SendMsg(m); err == io.EOF { //nolint:errorlint // grpc returns io.EOF itself
			return nil
		} else if err != nil {
			return err
		}
	}
	if b.Closed {
		_ = attempt.CloseSend() // likewise
	}
	return nil
}
