package worlds_test

import (
	"flag"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

var lifeTCP = flag.Int("world.tcp", 60, "how many worlds TestWorldLives_overTCP makes")

// lifeScale is how much faster time goes in a world that has a network.
const lifeScale = 200

// TestWorldLives_overTCP runs the worlds of [TestWorldLives] over a loopback network and
// in real time, 200 times as fast, for what bubbles do not have: connections that are
// reset while data is on its way, and two goroutines that wait for the same mutex. They
// have no gates, whose figures are minutes, and are not shrunk.
func TestWorldLives_overTCP(t *testing.T) {
	first := *lifeSeed
	if first == 0 {
		first = grpctest.Seed(t, 0)
	}
	before := runtime.NumGoroutine()
	report := newLifeReport()
	var wg sync.WaitGroup
	turns := make(chan bool, 8)
	for n := range *lifeTCP {
		turns <- true
		wg.Go(func() {
			defer func() { <-turns }()
			seed := first + uint64(n) //nolint:gosec // not negative
			w := newLifeWorld(seed)
			w.LogLimit = 0 // a window is a second
			lifeFeatures["gate"](w)
			switchOff(t, w)
			scaleLife(reflect.ValueOf(w).Elem())
			report.add(t, seed, runLifeOverTCP(t, w).found(), nil)
		})
	}
	wg.Wait()
	report.print(t)
	for began := time.Now(); runtime.NumGoroutine() > before+5; time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%d goroutines are left, the first -world.seed=%d", runtime.NumGoroutine()-before, first)
		}
	}
}

// runLifeOverTCP runs a world over a network.
func runLifeOverTCP(t *testing.T, w *lifeWorld) *lifeRun {
	t.Helper()
	l := &lifeRun{w: w, tcp: true}
	for i := range w.Calls {
		l.records = append(l.records, newLifeRecord(i, &w.Calls[i]))
	}
	l.live(t.Context())
	return l
}

// scaleLife makes all durations shorter.
func scaleLife(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			scaleLife(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			scaleLife(v.Index(i))
		}
	case reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() && v.Int() > 0 {
			v.SetInt(max(v.Int()/lifeScale, 1))
		}
	default:
	}
}
