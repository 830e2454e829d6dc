package terminal

import (
	"errors"
	"testing"
)

// narrow is a writer with room for so many bytes.
type narrow struct{ room int }

var errFull = errors.New("full")

func (n *narrow) Write(p []byte) (int, error) {
	if len(p) > n.room {
		return 0, errFull
	}
	n.room -= len(p)
	return len(p), nil
}

// TestOutput_remembersTheFirstError: what would still fit after a failed write is not
// written either, and OnError's function is called once.
func TestOutput_remembersTheFirstError(t *testing.T) {
	to, calls := &narrow{room: 5}, 0
	o := NewOutput(to)
	o.OnError(func() { calls++ })
	for i, step := range []struct {
		text string
		want error
	}{{"abc", nil}, {"too long", errFull}, {"d", errFull}} {
		if _, err := o.Write([]byte(step.text)); !errors.Is(err, step.want) || !errors.Is(o.Err(), step.want) {
			t.Errorf("write %d: got %v and then %v, want %v", i, err, o.Err(), step.want)
		}
	}
	if calls != 1 || to.room != 2 {
		t.Errorf("%d calls of OnError and room for %d bytes, want 1 and 2", calls, to.room)
	}
}
