package grpctest

import "testing"

// MustPanic returns the text that f panics with.
func MustPanic(t *testing.T, f func()) (text string) {
	t.Helper()
	defer func() {
		t.Helper()
		switch v := recover().(type) {
		case nil:
			t.Error("no panic")
		case error:
			text = v.Error()
		default:
			t.Errorf("panic with %T %v, want an error", v, v)
		}
	}()
	f()
	return ""
}

// EndingOf runs f on a goroutine of its own and returns how it has ended.
func EndingOf(f func() error) (o Ending) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.Exited = true
		defer func() {
			if o.Panicked = recover(); o.Panicked != nil {
				o.Exited = false
			}
		}()
		o.Err = f()
		o.Exited = false
	}()
	<-done
	return o
}

// Ending is how a function has ended: with an error or nil, with a panic of that value,
// or with its goroutine.
type Ending struct {
	Err      error
	Panicked any
	Exited   bool
}
