// Package replay keeps the messages sent on a stream, to send them again on another
// attempt. The package knows messages and attempts, but no calls.
package replay

import (
	"errors"
	"io"
	"reflect"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Buffer holds messages in their encoding at the time of sending. The zero value is
// empty. A Buffer is not safe for concurrent use.
type Buffer struct {
	Closed bool // CloseSend was called

	encoded []byte
	sent    []message
	first   [1]message // initial storage of sent
	codec   codec      // for messages outside protobuf; nil before the first
}

// message is one message in a Buffer.
type message struct {
	kind  protoreflect.MessageType // of a protobuf message, else nil
	plain reflect.Type             // of any other message: the type behind the pointer
	end   int                      // offset in encoded of the next message
}

// Keep adds a message of a call with these options. Keep adds nothing and returns the
// reason if the message cannot be encoded or if the Buffer would hold more than most
// bytes.
func (b *Buffer) Keep(m any, most int, opts []grpc.CallOption) Unkept {
	msg, ok := m.(proto.Message)
	if !ok {
		return b.keepPlain(m, most, opts)
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
	if err != nil { // SendMsg is about to return this error, unless the call has another codec
		return b.keepPlain(m, most, opts)
	}
	b.add(buffer, message{kind: msg.ProtoReflect().Type()})
	return Kept
}

// keepPlain adds a message that only the call's codec encodes completely: a message
// outside protobuf, or of protobuf's old API alone. The message is kept only if a
// replay would send the same message.
func (b *Buffer) keepPlain(m any, most int, opts []grpc.CallOption) Unkept {
	kind := reflect.TypeOf(m)
	if _, prepared := m.(*grpc.PreparedMsg); prepared || kind == nil || kind.Kind() != reflect.Pointer {
		return NoProto
	}
	if b.codec == nil {
		if b.codec = codecOf(opts); b.codec == nil {
			return NoProto
		}
	}
	encoded, err := encodeOnce(b.codec, m)
	switch {
	case err != nil: // SendMsg is about to return this error
		return NotEncodable
	case isGRPCs(b.codec) && !isGenerated(kind.Elem()):
		return NotSame
	case len(encoded) > most-len(b.encoded):
		return TooLarge
	case !isSame(b.codec, kind.Elem(), encoded):
		return NotSame
	}
	b.add(append(b.encoded, encoded...), message{plain: kind.Elem()})
	return Kept
}

// add adds a message encoded at the end of buffer.
func (b *Buffer) add(buffer []byte, m message) {
	if b.sent == nil {
		b.sent = b.first[:0]
	}
	m.end = len(buffer)
	b.encoded = buffer
	b.sent = append(b.sent, m)
}

// Len returns the number of messages.
func (b *Buffer) Len() int { return len(b.sent) }

// Encoded returns the encoded messages, one after the other. The slice is shared: do
// not change it.
func (b *Buffer) Encoded() []byte { return b.encoded }

// Clear removes the messages and keeps the memory.
func (b *Buffer) Clear() { b.encoded, b.sent = b.encoded[:0], b.sent[:0] }

// Clone returns a copy that stays unchanged when b gets more messages. Clearing b
// invalidates the copy.
func (b *Buffer) Clone() Buffer {
	return Buffer{encoded: b.encoded, sent: slices.Clone(b.sent), codec: b.codec, Closed: b.Closed}
}

// Message decodes message i.
func (b *Buffer) Message(i int) (any, error) {
	begin := 0
	if i > 0 {
		begin = b.sent[i-1].end
	}
	sent := &b.sent[i]
	encoded := b.encoded[begin:sent.end]
	if sent.kind == nil {
		return decode(b.codec, sent.plain, encoded)
	}
	m := sent.kind.New().Interface()
	return m, proto.UnmarshalOptions{AllowPartial: true}.Unmarshal(encoded, m)
}

// Replace replaces the first message, if any, by another message of the same type.
// Clones of the Buffer stay unchanged.
func (b *Buffer) Replace(m any) error {
	if len(b.sent) == 0 {
		return nil
	}
	encoded, err := b.encodeAs(&b.sent[0], m)
	if err != nil {
		return err
	}
	begin := b.sent[0].end
	more := len(encoded) - begin
	b.encoded = append(encoded, b.encoded[begin:]...)
	for i := range b.sent {
		b.sent[i].end += more
	}
	return nil
}

// encodeAs encodes m in the same way as other.
func (b *Buffer) encodeAs(other *message, m any) ([]byte, error) {
	if other.kind == nil {
		encoded, err := encodeOnce(b.codec, m)
		if err == nil && !isSame(b.codec, other.plain, encoded) {
			err = errNotSame
		}
		return encoded, err
	}
	return proto.MarshalOptions{AllowPartial: true}.Marshal(m.(proto.Message)) //nolint:forcetypeassert // the caller has checked its type
}

var errNotSame = errors.New("decoded again by its codec, it would be another one")

// SendTo sends all messages on an attempt, and CloseSend if b is closed. If first is not
// nil, it is sent in place of the first message. For a broken
// attempt the error is nil, because RecvMsg finds the reason. Any other error is the
// client's own.
func (b *Buffer) SendTo(attempt grpc.ClientStream, first any) error {
	for i := range b.sent {
		m, err := b.Message(i)
		if err != nil {
			return err
		}
		if i == 0 && first != nil {
			m = first
		}
		if err := attempt.SendMsg(m); err == io.EOF { //nolint:errorlint // grpc returns io.EOF itself
			return nil
		} else if err != nil {
			return err
		}
	}
	if b.Closed {
		_ = attempt.CloseSend() // RecvMsg finds the reason of a failure here too
	}
	return nil
}
