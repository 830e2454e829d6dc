// Package replay keeps what a stream has sent, to send it again on another attempt. It
// knows messages and attempts, and no call.
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

// Buffer is messages, encoded as they were when they were sent. The zero value is empty.
// It is not safe for concurrent use.
type Buffer struct {
	Closed bool // CloseSend was called

	encoded []byte
	sent    []message
	first   [1]message // where sent begins
	codec   codec      // of messages that are not protobuf's; nil until there is one
}

// message is one of the messages.
type message struct {
	kind  protoreflect.MessageType // nil for one that is not protobuf's,
	plain reflect.Type             // which is a pointer to this
	end   int                      // in encoded, where the next one begins
}

// Keep adds a message of a call with these options, if it can be encoded and no more than
// most bytes are then kept.
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
	if err != nil { // SendMsg is about to say so, unless the codec is another
		return b.keepPlain(m, most, opts)
	}
	b.add(buffer, message{kind: msg.ProtoReflect().Type()})
	return Kept
}

// keepPlain adds a message that only the codec of the call encodes whole: it is not
// protobuf's, or of its old API alone. It is kept if what is sent again would be the same.
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
	case err != nil: // SendMsg is about to say so
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

// add adds a message, which is at the end of buffer.
func (b *Buffer) add(buffer []byte, m message) {
	if b.sent == nil {
		b.sent = b.first[:0]
	}
	m.end = len(buffer)
	b.encoded = buffer
	b.sent = append(b.sent, m)
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

// Replace puts another message of the same type into the place of the first one, if there
// is one. Clones of the Buffer stay as they are.
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

// encodeAs encodes a message like another one.
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
