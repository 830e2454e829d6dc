package policyfile_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

func ExampleWatch() {
	ctx, cancel := context.WithCancel(context.Background()) // it is followed until then
	defer cancel()
	live, err := policyfile.Watch(ctx, "testdata/fleet.yaml", policyfile.Every(time.Minute))
	if err != nil {
		fmt.Println(err)
		return
	}
	r := interceptor.New(interceptor.WithLive(live))
	fmt.Println(r.Config().Table[codes.Server])
	// Output: 100 retries, 0.5 s to 10 s, x2
}

// serverRetries is a file for which the row of Server says so many retries.
func serverRetries(n int) string { return fmt.Sprintf("table:\n  Server: {retries: %d}\n", n) }

// watched is a file that is watched once a second.
type watched struct {
	path  string
	live  *policy.Live
	close context.CancelFunc

	mu   sync.Mutex
	log  bytes.Buffer
	told []string
}

// Write takes a line of the log.
func (w *watched) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

// logged returns the log so far.
func (w *watched) logged() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// tells returns what was told so far.
func (w *watched) tells() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.told)
}

func watch(t *testing.T, text string) *watched {
	t.Helper()
	w := &watched{path: filepath.Join(t.TempDir(), "retries.yaml")}
	write(t, w.path, text)
	ctx, cancel := context.WithCancel(t.Context())
	w.close = cancel
	var err error
	w.live, err = policyfile.Watch(ctx, w.path, policyfile.Every(time.Second),
		policyfile.Logger(slog.New(slog.NewTextHandler(w, nil))),
		policyfile.OnReload(func(err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, fmt.Sprint(err))
		}))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// want fails the test unless so many retries are in force, and so many changes
// were told, after a second and the time to settle.
func (w *watched) want(t *testing.T, retries, told int) {
	t.Helper()
	time.Sleep(1200 * time.Millisecond)
	synctest.Wait()
	if got := w.live.Load().Table[codes.Server].Retries; got != retries {
		t.Errorf("%d retries are in force, want %d", got, retries)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.told) != told || strings.Count(w.log.String(), "\n") != told {
		t.Errorf("told %q, logged %q: want %d of each", w.told, w.log.String(), told)
	}
}

// TestWatch_takesNewVersions, and leaves the one in force where the new one is
// wrong.
func TestWatch_takesNewVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, serverRetries(4))
		defer w.close()
		w.want(t, 4, 0)
		write(t, w.path, serverRetries(5))
		w.want(t, 5, 1)
		write(t, w.path, serverRetries(-5))
		w.want(t, 5, 2)
		w.want(t, 5, 2) // told once
		if got, want := w.tells()[1], "policyfile: "+w.path+":2: table.Server.retries: -5: want >= 0"; got != want {
			t.Errorf("told %q, want %q", got, want)
		}
		if !strings.Contains(w.logged(), "level=ERROR") || !strings.Contains(w.logged(), "want >= 0") {
			t.Errorf("logged %q, want the error", w.logged())
		}
		write(t, w.path, serverRetries(5)) // as before the mistake
		w.want(t, 5, 3)
		write(t, w.path, serverRetries(6))
		w.want(t, 6, 4)
	})
}

// TestWatch_withoutAFile for a while: what was in force stays.
func TestWatch_withoutAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, serverRetries(4))
		defer w.close()
		if err := os.Remove(w.path); err != nil {
			t.Fatal(err)
		}
		w.want(t, 4, 1)
		w.want(t, 4, 1)
		write(t, w.path, serverRetries(4)) // the same again: all is well
		w.want(t, 4, 2)
		w.want(t, 4, 2) // told once
		if got := w.tells()[len(w.tells())-1]; got != "<nil>" || !strings.Contains(w.logged(), "level=INFO") {
			t.Errorf("told %q, logged %q: want no error", w.tells(), w.logged())
		}
		if err := os.Remove(w.path); err != nil {
			t.Fatal(err)
		}
		w.want(t, 4, 3) // anew
		write(t, w.path, "")
		w.want(t, 4, 4)
		write(t, w.path, serverRetries(7))
		w.want(t, 7, 5)
	})
}

// TestWatch_wrongFileComesBack: it is as wrong as before.
func TestWatch_wrongFileComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, serverRetries(4))
		defer w.close()
		write(t, w.path, serverRetries(-5))
		w.want(t, 4, 1)
		if err := os.Remove(w.path); err != nil {
			t.Fatal(err)
		}
		w.want(t, 4, 2)
		write(t, w.path, serverRetries(-5))
		w.want(t, 4, 3)
		if w.tells()[len(w.tells())-1] != w.tells()[0] {
			t.Errorf("told %q, want the fault again", w.tells())
		}
	})
}

// TestWatch_onReloadPanics: that is logged, and the file is followed as before.
func TestWatch_onReloadPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watched{path: filepath.Join(t.TempDir(), "retries.yaml")}
		write(t, w.path, serverRetries(4))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		calls := 0
		live, err := policyfile.Watch(ctx, w.path, policyfile.Every(time.Second), policyfile.Logger(slog.New(slog.NewTextHandler(w, nil))),
			policyfile.OnReload(func(err error) {
				if calls++; calls == 1 {
					panic("out of order")
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				w.told = append(w.told, fmt.Sprint(err))
			}))
		if err != nil {
			t.Fatal(err)
		}
		for n := 5; n <= 6; n++ {
			write(t, w.path, serverRetries(n))
			time.Sleep(1200 * time.Millisecond)
			synctest.Wait()
			if got := live.Load().Table[codes.Server].Retries; got != n {
				t.Errorf("%d retries are in force, want %d", got, n)
			}
		}
		if diff := cmp.Diff([]string{"<nil>"}, w.tells()); diff != "" {
			t.Errorf("told after the panic (-want +got):\n%s", diff)
		}
		for _, want := range []string{"level=ERROR", "OnReload panicked", `panic="out of order"`, "watch_test.go"} {
			if !strings.Contains(w.logged(), want) {
				t.Errorf("logged %q, want %q", w.logged(), want)
			}
		}
	})
}

// TestWatch_configMap: a mounted ConfigMap is a link to a link, of which the inner
// one is swapped.
func TestWatch_configMap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, serverRetries(4))
		defer w.close()
		dir := filepath.Dir(w.path)
		mount := func(version, text string) {
			if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, version, "retries.yaml"), text)
			link := filepath.Join(dir, "..tmp")
			if err := os.Symlink(version, link); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(link, filepath.Join(dir, "..data")); err != nil {
				t.Fatal(err)
			}
		}
		mount("v1", serverRetries(5))
		if err := os.Remove(w.path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..data", "retries.yaml"), w.path); err != nil {
			t.Fatal(err)
		}
		w.want(t, 5, 1)
		mount("v2", serverRetries(6))
		w.want(t, 6, 2)
	})
}

// TestWatch_halfAFile: one that is still being written is not taken, though it
// would do.
func TestWatch_halfAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, serverRetries(4))
		defer w.close()
		time.Sleep(950 * time.Millisecond)
		write(t, w.path, serverRetries(5)) // seen at 1 s
		time.Sleep(100 * time.Millisecond)
		write(t, w.path, serverRetries(6)) // before it has settled
		time.Sleep(100 * time.Millisecond)
		write(t, w.path, serverRetries(7)) // and again
		w.want(t, 7, 1)
	})
}

// TestWatch_endsWhileAFileSettles: that is no fault of the file.
func TestWatch_endsWhileAFileSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, serverRetries(4))
		time.Sleep(950 * time.Millisecond)
		write(t, w.path, serverRetries(5))
		time.Sleep(100 * time.Millisecond)
		w.close()
		w.want(t, 4, 0)
	})
}

// TestWatch_ends with its context; the bubble would not end otherwise.
func TestWatch_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(t, serverRetries(4))
		w.close()
		write(t, w.path, serverRetries(5))
		w.want(t, 4, 0)
	})
}

func TestWatch_doesNotBegin(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.yaml")
	write(t, good, serverRetries(4))
	bad := filepath.Join(t.TempDir(), "bad.yaml")
	write(t, bad, "x")
	for _, tt := range []struct {
		path string
		opt  policyfile.WatchOption
		want string
	}{
		{good, policyfile.Every(0), "policyfile: Every: 0s: want > 0s"},
		{good, policyfile.Logger(nil), "policyfile: Logger: nil: want a *slog.Logger"},
		{good, policyfile.OnReload(nil), "policyfile: OnReload: nil: want a function"},
		{bad, policyfile.Every(1), "policyfile: " + bad + ":1: x: want a section with base, budget, gate, limits, methods, quotas, table or targets"},
		{bad + "?", policyfile.Every(1), "policyfile: " + bad + "?: no such file or directory"},
	} {
		if live, err := policyfile.Watch(t.Context(), tt.path, tt.opt); live != nil || err == nil || err.Error() != tt.want {
			t.Errorf("got %v, %v, want %s", live, err, tt.want)
		}
	}
}
