package replay_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// attempt is a stream that notes what is sent on it.
type attempt struct {
	grpc.ClientStream
	sent []string
}

func (a *attempt) SendMsg(m any) error {
	a.sent = append(a.sent, m.(*wrapperspb.StringValue).GetValue())
	return nil
}

func (a *attempt) CloseSend() error {
	a.sent = append(a.sent, "end")
	return nil
}

// sent returns what a Buffer sends.
func sent(t *testing.T, b *replay.Buffer) []string {
	t.Helper()
	var a attempt
	if err := b.SendTo(&a, nil); err != nil {
		t.Fatal(err)
	}
	return a.sent
}

// TestBuffer: messages are sent again as they were; another first one may be shorter or
// longer, and a clone notices nothing of all that comes later.
func TestBuffer(t *testing.T) {
	var b replay.Buffer
	keep := func(texts ...string) {
		for _, text := range texts {
			m := wrapperspb.String(text)
			if got := b.Keep(m, math.MaxInt, nil); got != replay.Kept {
				t.Fatalf("%q: got %v, want it kept", text, got)
			}
			m.Value = "changed"
		}
	}
	check := func(what string, b *replay.Buffer, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, sent(t, b)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	keep("one", "two")
	early := b.Clone()
	keep("three")
	whole := b.Clone()
	for _, first := range []string{"", "a longer one"} {
		if err := b.Replace(wrapperspb.String(first)); err != nil {
			t.Fatal(err)
		}
		check("another first one", &b, first, "two", "three")
	}
	keep("four")
	b.Closed = true
	check("the end", &b, "a longer one", "two", "three", "four", "end")
	check("a clone of two", &early, "one", "two")
	check("a clone of three", &whole, "one", "two", "three")
	b.Clear()
	keep("five")
	check("after Clear", &b, "five", "end")
}

// TestBuffer_limit: what does not fit, or is no message, is not kept, and what was kept
// before stays.
func TestBuffer_limit(t *testing.T) {
	var b replay.Buffer
	text := wrapperspb.String("12345678") // 10 bytes
	got := []replay.Unkept{
		b.Keep(text, 20, nil), b.Keep("no message", 20, nil), b.Keep(nil, 20, nil), b.Keep(text, 20, nil), b.Keep(wrapperspb.String("x"), 20, nil),
		b.Keep(&emptypb.Empty{}, 20, nil), b.Keep(wrapperspb.String("\xff"), 30, nil),
	}
	want := []replay.Unkept{replay.Kept, replay.NoProto, replay.NoProto, replay.Kept, replay.TooLarge, replay.Kept, replay.NotEncodable}
	if !slices.Equal(got, want) || b.Len() != 3 || len(b.Encoded()) != 20 {
		t.Errorf("got %v, %d messages of %d bytes, want %v, 3 of 20", got, b.Len(), len(b.Encoded()), want)
	}
}
