package grpctest

import "testing"

// MustPanic runs f and returns the text of the error f panics with. The test fails if f
// does not panic, or panics with a value other than an error.
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

// EndingOf runs f on a goroutine of its own and returns the ending of f.
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

// Ending is the way a function ended: with an error or nil, with a panic of that value,
// or with runtime.Goexit.
type Ending struct {
	Err      error
	Panicked any
	Exited   bool
}
