package replay_test

import (
	"math"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// given is a codec of buffers that gives them away, once: whoever gets them frees them.
type given struct{}

func (given) Name() string { return "replay-given" }

func (given) Marshal(v any) (mem.BufferSlice, error) { return *v.(*mem.BufferSlice), nil }

func (given) Unmarshal(data mem.BufferSlice, v any) error {
	data.Ref()
	*v.(*mem.BufferSlice) = data
	return nil
}

// TestBuffer_givenAway: what a codec gives away is grpc's, which asks for it after us.
func TestBuffer_givenAway(t *testing.T) {
	var b replay.Buffer
	pool := mem.DefaultBufferPool()
	room := pool.Get(2048) // smaller ones are not pooled
	m := &mem.BufferSlice{mem.NewBuffer(room, pool)}
	want := string(m.Materialize())
	if got := b.Keep(m, math.MaxInt, []grpc.CallOption{grpc.ForceCodecV2(given{})}); got != replay.Kept {
		t.Fatalf("got %d, want it kept", got)
	}
	sent, err := given{}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(sent.Materialize()); got != want {
		t.Errorf("what grpc sends: got %q, want %q", got, want)
	}
	sent.Free()
}

// panicking is a codec that panics at a message with a Count.
type panicking struct{ asJSON }

func (c panicking) Marshal(v any) ([]byte, error) {
	if m := v.(*order); m.Count > 0 {
		panic("a codec's own bug")
	}
	return c.asJSON.Marshal(v)
}

// asItem is one that drops the Count.
type asItem struct{ asJSON }

func (c asItem) Unmarshal(data []byte, v any) error {
	err := c.asJSON.Unmarshal(data, v)
	v.(*order).Count = 0
	return err
}

// TestBuffer_replaceRefuses: what takes the place of a message is sent as it was given, or
// not at all.
func TestBuffer_replaceRefuses(t *testing.T) {
	for name, c := range map[string]encoding.Codec{"a codec that panics": panicking{}, "that drops something": asItem{}} {
		t.Run(name, func(t *testing.T) {
			var b replay.Buffer
			if got := b.Keep(&order{"tea", 0}, math.MaxInt, []grpc.CallOption{grpc.ForceCodec(c)}); got != replay.Kept {
				t.Fatalf("got %d, want it kept", got)
			}
			if err := b.Replace(&order{"coffee", 2}); err == nil {
				t.Error("got no error")
			}
			if got, err := b.Message(0); err != nil || *got.(*order) != (order{"tea", 0}) {
				t.Errorf("got %v, %v, want the message as it was", got, err)
			}
		})
	}
}

// TestBuffer_codecPanics: it is grpc's to panic, if it does.
func TestBuffer_codecPanics(t *testing.T) {
	var b replay.Buffer
	if got := b.Keep(&order{"tea", 2}, math.MaxInt, []grpc.CallOption{grpc.ForceCodec(panicking{})}); got != replay.NotEncodable {
		t.Errorf("got %d, want %d", got, replay.NotEncodable)
	}
}

// marked is no message of protobuf's, and has the methods of one.
type marked struct{ text string }

func (m *marked) Reset()         { *m = marked{} }
func (m *marked) String() string { return m.text }
func (*marked) ProtoMessage()    {}

// generated is one of its first API.
type generated struct {
	Text          string `protobuf:"bytes,1,opt,name=text,proto3"`
	XXX_sizecache int32  //nolint:revive,staticcheck // generated code has it
}

func (m *generated) Reset()         { *m = generated{} }
func (m *generated) String() string { return m.Text }
func (*generated) ProtoMessage()    {}

// TestBuffer_firstAPI: grpc's own codec encodes what it knows of a message, which is not
// all of one that another codec is meant for.
func TestBuffer_firstAPI(t *testing.T) {
	var b replay.Buffer
	if got := b.Keep(&marked{"text"}, math.MaxInt, nil); got != replay.NotSame {
		t.Errorf("without fields of protobuf's: got %d, want %d", got, replay.NotSame)
	}
	if got := b.Keep(&generated{Text: "text"}, math.MaxInt, nil); got != replay.Kept {
		t.Fatalf("generated: got %d, want it kept", got)
	}
	if got, err := b.Message(0); err != nil || got.(*generated).Text != "text" {
		t.Errorf("got %v, %v, want the message", got, err)
	}
}
