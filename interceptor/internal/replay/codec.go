package replay

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// codec is grpc's codec for the messages of a call.
type codec interface {
	Marshal(v any) (mem.BufferSlice, error)
	Unmarshal(data mem.BufferSlice, v any) error
}

// codecOf returns grpc's codec for a call with these options, or nil if there is
// none. As in grpc, a codec option wins over a content-subtype, and of two registered
// codecs with the same name the older kind wins.
func codecOf(opts []grpc.CallOption) codec {
	var forced codec
	subtype := "proto"
	for _, o := range opts {
		switch o := o.(type) {
		case grpc.ForceCodecCallOption:
			forced = old{o.Codec}
		case grpc.ForceCodecV2CallOption:
			forced = o.CodecV2
		case grpc.CustomCodecCallOption:
			forced = old{o.Codec}
		case grpc.ContentSubtypeCallOption:
			if o.ContentSubtype != "" {
				subtype = o.ContentSubtype
			}
		}
	}
	if forced != nil {
		return forced
	}
	if c := encoding.GetCodec(subtype); c != nil {
		return old{c}
	}
	if c := encoding.GetCodecV2(subtype); c != nil {
		return c
	}
	return nil
}

// DefaultIsGRPCs reports whether grpc's own codec encodes the messages of a call
// without options: the program has not registered another codec instead.
func DefaultIsGRPCs() bool { return isGRPCs(codecOf(nil)) }

// isGRPCs reports whether a codec is grpc's own.
func isGRPCs(c codec) bool {
	t := reflect.TypeOf(c)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "google.golang.org/grpc/encoding/proto"
}

// old adapts a codec of an older kind.
type old struct {
	codec interface {
		Marshal(v any) ([]byte, error)
		Unmarshal(data []byte, v any) error
	}
}

func (c old) Marshal(v any) (mem.BufferSlice, error) {
	data, err := c.codec.Marshal(v)
	return mem.BufferSlice{mem.SliceBuffer(data)}, err
}

func (c old) Unmarshal(data mem.BufferSlice, v any) error {
	return c.codec.Unmarshal(data.Materialize(), v)
}

// isGenerated reports whether a message of protobuf's first API has only protobuf
// fields. grpc's codec drops other fields without an error, but an interceptor on the
// right may choose a codec that encodes them.
func isGenerated(kind reflect.Type) bool {
	if kind.Kind() != reflect.Struct {
		return false
	}
	for field := range kind.Fields() {
		_, tagged := field.Tag.Lookup("protobuf")
		_, oneof := field.Tag.Lookup("protobuf_oneof")
		if !tagged && !oneof && !strings.HasPrefix(field.Name, "XXX_") {
			return false
		}
	}
	return true
}

// encodeOnce is encode with a panic of the codec returned as an error. grpc encodes
// the message next: either grpc panics in turn, or an interceptor on the right has
// chosen a codec that does not panic.
func encodeOnce(c codec, m any) (encoded []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the codec panicked: %v", p)
		}
	}()
	return encode(c, m)
}

// encode returns a codec's bytes for a message, as a private copy. The codec's
// buffers are left to the garbage collector: the buffers may belong to the message,
// and grpc is about to send and free them.
func encode(c codec, m any) ([]byte, error) {
	data, err := c.Marshal(m)
	if err != nil {
		return nil, err
	}
	return data.Materialize(), nil
}

// decode decodes a new message. The codec gets a copy of the bytes, because the
// message may keep them.
func decode(c codec, kind reflect.Type, encoded []byte) (any, error) {
	m := reflect.New(kind).Interface()
	return m, c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(bytes.Clone(encoded))}, m)
}

// isSame reports whether a message decoded from these bytes has the same bytes when
// encoded again. A codec may support only one direction and panic in the other.
func isSame(c codec, kind reflect.Type, encoded []byte) (same bool) {
	defer func() { _ = recover() }()
	m, err := decode(c, kind, encoded)
	if err != nil {
		return false
	}
	again, err := encode(c, m)
	return err == nil && bytes.Equal(again, encoded)
}
