package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// quick is the subset of the simulation that the tests play.
func quick() []result {
	some := slices.DeleteFunc(sides(), func(s side) bool {
		return !slices.Contains([]string{limitName, fleetName, noneName, gaxName}, s.name)
	})
	return play(table(scenarios(), []int{10, 1000}, some, 1), quiet())
}

// TestFleet_goals: of the goals for 10 and 1,000 clients none is missed.
func TestFleet_goals(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, and has nothing to race")
	}
	b := newBook(quick())
	checked := 0
	for _, g := range goals() {
		if g.n > 1000 {
			continue
		}
		checked++
		if got, bound, met := g.check(b); !met {
			t.Errorf("%v: got %v, bound %v", g, got, bound)
		}
	}
	if checked < 30 {
		t.Errorf("%d goals were checked, want 30 at least", checked)
	}
}

// TestFleet_neverWorse: scenarios that no figure was chosen by, with other
// windows, loads, service times and triggers: ours is never worse than a client
// without retries, and never keeps a server down that such a client lets recover.
func TestFleet_neverWorse(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, and has nothing to race")
	}
	all := scenarios()
	var others []*scenario
	vary := func(i int, name string, f func(*scenario)) {
		sc := *all[i]
		sc.name = name
		f(&sc)
		others = append(others, &sc)
	}
	vary(0, "a window of 10 s", func(s *scenario) {
		s.server = func(*world) server { return fixedWindow(2000, 10*time.Second, time.Second) }
	})
	vary(0, "short deadlines", func(s *scenario) { s.deadline = 20 * time.Second })
	vary(1, "three times the quota", func(s *scenario) { s.burst, s.during = 3, 20*time.Second })
	vary(2, "a small bucket", func(s *scenario) {
		s.server = func(*world) server { return tokenBucket(200, 20, 3*time.Second, 500*time.Millisecond) }
	})
	vary(3, "a short outage", func(s *scenario) { s.during = 5 * time.Second })
	vary(3, "a long outage", func(s *scenario) { s.during = 2 * time.Minute })
	vary(4, "half the speed", func(s *scenario) { s.slow, s.during = 2, time.Minute })
	vary(5, "little load", func(s *scenario) { s.base = 0.3 })
	vary(5, "slow calls", func(s *scenario) {
		s.server = func(*world) server { return &workers{free: 200, service: time.Second, room: 1000} }
	})
	for _, share := range []float64{0.1, 0.2, 0.4} {
		vary(7, fmt.Sprintf("%v of the requests fail", share), func(s *scenario) {
			s.server = func(*world) server { return &flaky{share: share, service: time.Second} }
		})
	}
	some := slices.DeleteFunc(sides(), func(s side) bool { return s.name != fleetName && s.name != noneName && s.name != defaultName })
	ns := []int{10, 300}
	results := play(table(others, ns, some, 7), quiet())
	b := newBook(results)
	for _, r := range results {
		if r.side.name == noneName {
			continue
		}
		none, _ := b.find(r.sc.name, r.n, r.hints, noneName)
		if got, least := r.success(), none.success()-0.015; got < least && r.side.name == fleetName {
			t.Errorf("%s, hints %v, n = %d: %s: success %.4f, without retries %.4f", r.sc.name, r.hints, r.n, r.side.name, got, none.success())
		}
		_, well := none.recovery()
		if _, ok := r.recovery(); well && !ok {
			t.Errorf("%s, hints %v, n = %d: %s never recovers", r.sc.name, r.hints, r.n, r.side.name)
		}
	}
}

// TestFleet_attemptTimeouts: a server at a tenth of its speed, whose queue is longer than the
// timeouts, recovers with them no later than without retries; and more calls succeed.
func TestFleet_attemptTimeouts(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, and has nothing to race")
	}
	b2 := *scenarios()[4]
	long := b2
	long.name = "B2 with a queue of 3,000"
	long.server = func(*world) server { return &workers{free: 20, service: 100 * time.Millisecond, room: 3000} }
	some := slices.DeleteFunc(sides(), func(s side) bool { return s.name != fleetName && s.name != noneName && s.name != defaultName })
	results := play(table([]*scenario{&b2, &long}, []int{10, 1000}, some, 3), quiet())
	b := newBook(results)
	for _, r := range results {
		none, _ := b.find(r.sc.name, r.n, r.hints, noneName)
		got, ok := r.recovery()
		if least, recovered := none.recovery(); !ok || !recovered || got > least {
			t.Errorf("%s, n = %d: %s recovers in %.0f s (%v), without retries in %.0f s", r.sc.name, r.n, r.side.name, got, ok, least)
		}
		if r.side.name != noneName && r.success() < none.success()+0.02 {
			t.Errorf("%s, n = %d: %s: success %.4f, without retries %.4f", r.sc.name, r.n, r.side.name, r.success(), none.success())
		}
	}
}

// TestFleet_attemptTimeoutBudget: with the budget of other connections, those with attempt
// timeouts would keep that server down for longer than without retries.
func TestFleet_attemptTimeoutBudget(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, and has nothing to race")
	}
	full := policy.DefaultConfig()
	full.Budget.EarnedMax++ // other than the default: newReinvoke leaves the figures alone
	some := slices.DeleteFunc(sides(), func(s side) bool { return s.name != noneName && s.name != defaultName })
	some = append(some, side{"full", "", configured(full)})
	results := play(table([]*scenario{scenarios()[4]}, []int{1000}, some, 3), quiet())
	b := newBook(results)
	recovery := func(name string) float64 {
		r, _ := b.find("B2", 1000, false, name)
		after, ok := r.recovery()
		if !ok {
			t.Errorf("%s never recovers", name)
		}
		return after
	}
	if small, none, big := recovery(defaultName), recovery(noneName), recovery("full"); small > none || big < none {
		t.Errorf("recovers in %.0f s, with a full budget in %.0f s, without retries in %.0f s: is the small budget's reason still one?", small, big, none)
	}
}

// TestFleet_shortDeadlines: in an outage and in a brownout calls succeed as often with Fleet()
// as without retries, whatever their deadlines; more often with 30 s.
func TestFleet_shortDeadlines(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector, and has nothing to race")
	}
	some := slices.DeleteFunc(sides(), func(s side) bool { return s.name != fleetName && s.name != noneName })
	for _, tt := range []struct {
		deadline time.Duration
		more     float64 // than without retries
	}{
		{3 * time.Second, -0.01}, {5 * time.Second, -0.01}, {10 * time.Second, -0.01}, {20 * time.Second, 0}, {30 * time.Second, 0.01},
	} {
		var scs []*scenario
		for _, s := range scenarios() {
			if s.name[0] == 'B' {
				short := *s
				short.deadline = tt.deadline
				scs = append(scs, &short)
			}
		}
		results := play(table(scs, []int{10, 1000}, some, 3), quiet())
		b := newBook(results)
		for _, r := range results {
			if r.side.name == noneName {
				continue
			}
			none, _ := b.find(r.sc.name, r.n, r.hints, noneName)
			if r.success() < none.success()+tt.more {
				t.Errorf("%s, n = %d, deadlines of %v: success %.4f, without retries %.4f", r.sc.name, r.n, tt.deadline, r.success(), none.success())
			}
		}
	}
}

// TestFleet_sameSeedSameBytes: the table and everything that is written is the same
// in two runs.
func TestFleet_sameSeedSameBytes(t *testing.T) {
	if raceEnabled {
		t.Skip("takes a minute with the race detector")
	}
	runOnce := func() (string, map[string]string) {
		dir := t.TempDir()
		var out, errs bytes.Buffer
		if err := command([]string{"-only", "A2,B1", "-n", "10", "-out", dir}, &out, &errs, false); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(errs.String(), "scenarios: ") || !strings.Contains(errs.String(), "(100 %)") {
			t.Errorf("standard error: %q, want the progress", errs.String())
		}
		files := map[string]string{}
		for _, name := range []string{"report.md", "goodput.svg", "reset.svg", "outage.svg", "gate.svg"} {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			files[name] = string(text)
		}
		return out.String(), files
	}
	first, firstFiles := runOnce()
	second, secondFiles := runOnce()
	if first != second || !cmp.Equal(firstFiles, secondFiles) {
		t.Error("two runs with the same seed differ")
	}
	if want := 1 + 2*len(sides()) + len(sides()); strings.Count(first, "\n") != want {
		t.Errorf("the table has %d lines, want %d", strings.Count(first, "\n"), want)
	}
	for name, text := range firstFiles {
		if strings.Contains(text, "NaN") || strings.Contains(text, "+Inf") {
			t.Errorf("%s has a figure that is none", name)
		}
		if !strings.HasSuffix(name, ".svg") {
			continue
		}
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
}

// TestFleet_flags: what makes no sense is an error that names the flag.
func TestFleet_flags(t *testing.T) {
	for want, args := range map[string][]string{
		"-only E9: no such scenario": {"-only", "E9"},
		"-n 0: want":                 {"-n", "0"},
		"-n ten: want":               {"-n", "ten"},
		"-deadline -1s: want > 0s":   {"-deadline", "-1s"},
		"-deadline: want it without": {"-deadline", "1s", "-out", "x"},
	} {
		if err := command(args, io.Discard, io.Discard, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}

// TestServers_failAsRealOnes: the failures of the simulated servers are what
// codes.Classify makes of what real ones send.
func TestServers_failAsRealOnes(t *testing.T) {
	refuse := func(d time.Duration) error {
		st := status.New(grpccodes.ResourceExhausted, "quota")
		if d > 0 {
			st, _ = st.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
		}
		return st.Err()
	}
	answered := codes.Evidence{Watched: true, Stream: true, Trailer: metadata.Pairs("content-type", "application/grpc")}
	for name, c := range map[string]struct {
		err  error
		ev   codes.Evidence
		want codes.Failure
	}{
		"refused with a hint": {refuse(1500 * time.Millisecond), answered, refusal(1500 * time.Millisecond)},
		"refused without one": {refuse(0), answered, refusal(0)},
		"unavailable":         {status.Error(grpccodes.Unavailable, "down"), answered, unavailable()},
		"timed out":           {status.Error(grpccodes.DeadlineExceeded, "attempt timeout"), codes.Evidence{Watched: true, Stream: true}, timedOut()},
	} {
		got := codes.Classify(c.err, c.ev)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-simulated +real):\n%s", name, diff)
		}
	}
}

// TestServers_capacity: what the servers of the scenarios take in a second is what
// the limit gets through them.
func TestServers_capacity(t *testing.T) {
	for _, sc := range scenarios() {
		m := run(sc, 10, true, &omniscient{}, 1)
		if got := m.success(); got < 0.999 {
			t.Errorf("%s: the limit is %v, want all calls", sc.name, got)
		}
		if math.IsNaN(m.quantile(0.5)) {
			t.Errorf("%s: no call succeeded", sc.name)
		}
	}
}
