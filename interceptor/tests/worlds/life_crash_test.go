package worlds_test

import (
	"flag"
	"os"
	"os/exec"
	"testing"
)

var lifeCrash = flag.String("world.crash", "", "what hooks do in TestWorldLives_hedge even where it would end the process: panics or exits")

// TestWorldLives_hedge has an interceptor on the right panic, and end its goroutine, in
// an attempt that runs beside another one. The caller has to be told, or the call to go
// on: the process must not end. It runs in a process of its own.
func TestWorldLives_hedge(t *testing.T) {
	if act := lifeAct(*lifeCrash); act != fine {
		w := &lifeWorld{Breaker: true, Calls: []lifeCall{
			{Repeatable: true, Deadline: 5e9, Hedge: lifeHedge{Attempts: 2}, Right: []lifeRight{{Act: act}, {Act: act}}},
		}}
		for _, p := range runLife(t, w).found() {
			t.Errorf("%s: %s", p.kind, p.text)
		}
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range []lifeAct{panics, exits} {
		t.Run("the interceptor "+string(act), func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), self, "-test.run=^TestWorldLives_hedge$", "-world.crash="+string(act)).CombinedOutput()
			if err != nil {
				t.Errorf("%v: %.600s", err, out)
			}
		})
	}
}
