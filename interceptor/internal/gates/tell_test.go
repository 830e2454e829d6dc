package gates

import (
	"slices"
	"testing"
	"testing/synctest"
)

// TestTeller: what comes meanwhile is told too, in order and one at a time; a call tells a
// few, and a goroutine the others.
func TestTeller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var telling teller
		var got []int // of whoever tells
		returned := make(chan struct{})
		var add func(n int)
		add = func(n int) {
			telling.add(func() {
				if n >= tellAtOnce {
					<-returned
				}
				got = append(got, n)
				if n < 20 {
					add(n + 1)
					telling.tell() // finds itself busy
				}
			})
		}
		add(0)
		telling.tell()
		close(returned)
		synctest.Wait()
		if len(got) != 21 || !slices.IsSorted(got) || telling.len() != 0 {
			t.Errorf("told %v, and %d left: want 21 in order", got, telling.len())
		}
	})
}

// TestTeller_panic: what panics ends whoever tells it, and the next one tells on.
func TestTeller_panic(t *testing.T) {
	var telling teller
	told := false
	telling.add(func() { panic("lost") })
	telling.add(func() { told = true })
	func() {
		defer func() {
			if p := recover(); p != "lost" {
				t.Errorf("got %v, want the panic", p)
			}
		}()
		telling.tell()
	}()
	telling.tell()
	if !told || telling.len() != 0 {
		t.Error("what was behind a panic is not told")
	}
}
