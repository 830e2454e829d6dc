package replay_test

import (
	"math"
	"testing"

	"google.golang.org/grpc"
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
