package replay_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// order is a message that is not protobuf's.
type order struct {
	Item  string
	Count int
}

// asJSON is a codec of any message.
type asJSON struct{}

func (asJSON) Name() string                       { return "replay-json" }
func (asJSON) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (asJSON) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }

// asText is one of the oldest kind.
type asText struct{ asJSON }

func (asText) String() string { return "replay-text" }

// unstable is one that never encodes the same way twice.
type unstable struct {
	asJSON
	n *int
}

func (c unstable) Marshal(any) ([]byte, error) {
	*c.n++
	return []byte(strconv.Itoa(*c.n)), nil
}

// oneWay is one for requests out and replies in only.
type oneWay struct{ asJSON }

func (oneWay) Unmarshal(_ []byte, v any) error { *v.(*string) = ""; return nil }

// escaping is one that tells bytes that are no UTF-8 from the character that it makes of
// them, as encoding/json does before Go 1.27.
type escaping struct{ asJSON }

func (escaping) Marshal(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if !utf8.ValidString(v.(*wrapperspb.StringValue).GetValue()) {
		data = bytes.ReplaceAll(data, []byte("\ufffd"), []byte(`\ufffd`))
	}
	return data, err
}

// failing is one that encodes nothing.
type failing struct{ asJSON }

func (failing) Marshal(any) ([]byte, error) { return nil, errors.New("no") }

// TestMain registers a codec, as programs do.
func TestMain(m *testing.M) {
	encoding.RegisterCodec(asJSON{})
	os.Exit(m.Run())
}

// TestBuffer_codecs: a message that is not protobuf's is kept where grpc's own way to find
// the codec finds one that makes the same of it twice.
func TestBuffer_codecs(t *testing.T) {
	forced := func(c encoding.Codec) []grpc.CallOption { return []grpc.CallOption{grpc.ForceCodec(c)} }
	message := &order{"tea", 2}
	for name, c := range map[string]struct {
		opts []grpc.CallOption
		m    any
		most int
		want replay.Unkept
	}{
		"forced":                       {forced(asJSON{}), message, math.MaxInt, replay.Kept},
		"of the oldest kind":           {[]grpc.CallOption{grpc.CallCustomCodec(asText{})}, message, math.MaxInt, replay.Kept}, //nolint:staticcheck // it is in use
		"by its content-subtype":       {[]grpc.CallOption{grpc.CallContentSubtype(asJSON{}.Name())}, message, math.MaxInt, replay.Kept},
		"forced, and a subtype":        {append(forced(asJSON{}), grpc.CallContentSubtype("proto")), message, math.MaxInt, replay.Kept},
		"not registered":               {[]grpc.CallOption{grpc.CallContentSubtype("nobody's")}, message, math.MaxInt, replay.NoProto},
		"protobuf's, which takes none": {nil, message, math.MaxInt, replay.NotEncodable},
		"the last one fails":           {append(forced(asJSON{}), forced(failing{})...), message, math.MaxInt, replay.NotEncodable},
		"no pointer":                   {forced(asJSON{}), *message, math.MaxInt, replay.NoProto},
		"nothing":                      {forced(asJSON{}), nil, math.MaxInt, replay.NoProto},
		"prepared":                     {forced(asJSON{}), new(grpc.PreparedMsg), math.MaxInt, replay.NoProto},
		"another one each time":        {forced(unstable{n: new(int)}), message, math.MaxInt, replay.NotSame},
		"one way only":                 {forced(oneWay{}), message, math.MaxInt, replay.NotSame},
		"just small enough":            {forced(asJSON{}), message, len(`{"Item":"tea","Count":2}`), replay.Kept},
		"too large":                    {forced(asJSON{}), message, len(`{"Item":"tea","Count":2}`) - 1, replay.TooLarge},
		"text that is no UTF-8":        {forced(escaping{}), wrapperspb.String("\xff"), math.MaxInt, replay.NotSame},
	} {
		t.Run(name, func(t *testing.T) {
			var b replay.Buffer
			if got := b.Keep(c.m, c.most, c.opts); got != c.want {
				t.Fatalf("got %d, want %d", got, c.want)
			}
			if c.want != replay.Kept {
				return
			}
			got, err := b.Message(0)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.m, got); diff != "" {
				t.Errorf("what is sent again (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBuffer_replacePlain: another first message may take the place of one that is not
// protobuf's.
func TestBuffer_replacePlain(t *testing.T) {
	var b replay.Buffer
	opts := []grpc.CallOption{grpc.ForceCodec(asJSON{})}
	for _, m := range []*order{{"tea", 2}, {"milk", 1}} {
		if got := b.Keep(m, math.MaxInt, opts); got != replay.Kept {
			t.Fatalf("got %d, want it kept", got)
		}
	}
	if err := b.Replace(&order{"coffee, if there is no tea", 1}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []*order{{"coffee, if there is no tea", 1}, {"milk", 1}} {
		got, err := b.Message(i)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(want), got); diff != "" {
			t.Errorf("message %d (-want +got):\n%s", i, diff)
		}
	}
}

// asIs is a codec of bytes, which stay those that have arrived.
type asIs struct{}

func (asIs) Name() string { return "replay-bytes" }

func (asIs) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

func (asIs) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data[0].ReadOnlyData()
	return nil
}

// TestBuffer_ownBytes: whoever is given a message may change it, and so may who has sent it.
func TestBuffer_ownBytes(t *testing.T) {
	var b replay.Buffer
	sent := []byte("as sent")
	if got := b.Keep(&sent, math.MaxInt, []grpc.CallOption{grpc.ForceCodecV2(asIs{})}); got != replay.Kept {
		t.Fatalf("got %d, want it kept", got)
	}
	clear(sent)
	for range 2 {
		m, err := b.Message(0)
		if err != nil {
			t.Fatal(err)
		}
		got := m.(*[]byte)
		if string(*got) != "as sent" {
			t.Errorf("got %q, want it as it was sent", *got)
		}
		clear(*got)
	}
}
