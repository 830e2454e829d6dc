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

// codec is what grpc encodes the messages of a call with.
type codec interface {
	Marshal(v any) (mem.BufferSlice, error)
	Unmarshal(data mem.BufferSlice, v any) error
}

// codecOf returns the codec that grpc takes for a call with these options, or nil if it
// finds none. The order is that of grpc: a codec before a content-subtype, and of two
// with the same name the one of the older kind.
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

// DefaultIsGRPCs reports whether grpc's own codec encodes the messages of a call without
// options: no program has registered another one in its place.
func DefaultIsGRPCs() bool { return isGRPCs(codecOf(nil)) }

// isGRPCs reports whether a codec is that of grpc itself.
func isGRPCs(c codec) bool {
	t := reflect.TypeOf(c)
	return t != nil && t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "google.golang.org/grpc/encoding/proto"
}

// old is a codec of one of the older kinds.
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

// isGenerated reports whether every field of a message of protobuf's first API is one of
// protobuf's. grpc's codec leaves out the others without an error, where an interceptor on
// the right may choose a codec that does not.
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

// encodeOnce is encode for a message that grpc encodes next: if a codec panics, it is grpc
// that does so, or a codec that an interceptor on the right has chosen does not.
func encodeOnce(c codec, m any) (encoded []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the codec panicked: %v", p)
		}
	}()
	return encode(c, m)
}

// encode returns the bytes that a codec makes of a message. They are nobody else's. The
// buffers of the codec are left to the collector: they may be the message's own, and grpc
// is about to send and free them.
func encode(c codec, m any) ([]byte, error) {
	data, err := c.Marshal(m)
	if err != nil {
		return nil, err
	}
	return data.Materialize(), nil
}

// decode makes a new message of them. The codec gets a copy, which the message may keep.
func decode(c codec, kind reflect.Type, encoded []byte) (any, error) {
	m := reflect.New(kind).Interface()
	return m, c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(bytes.Clone(encoded))}, m)
}

// isSame reports whether a message that is decoded from these bytes is encoded as them
// again. A codec may have been written for one direction only, and panic in the other.
func isSame(c codec, kind reflect.Type, encoded []byte) (same bool) {
	defer func() { _ = recover() }()
	m, err := decode(c, kind, encoded)
	if err != nil {
		return false
	}
	again, err := encode(c, m)
	return err == nil && bytes.Equal(again, encoded)
}
