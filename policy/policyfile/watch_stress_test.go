package policyfile_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// TestWatch_reloadsUnderLoad: 10,000 versions are put in force while calls fail
// and are retried; each of them ends as one of the versions says.
func TestWatch_reloadsUnderLoad(t *testing.T) {
	reloads := 10_000
	if grpctest.RaceEnabled { // takes half a minute, and finds a race sooner
		reloads = 2_000
	}
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "retries.yaml")
		version := func(n int) string {
			text := fmt.Sprintf("# version %d\ntable:\n  Server: {retries: %d, base: 10ms, max: 10ms}\nbudget: {max: 1e9, start: 1e9}\n", n, 1+n%2)
			if n%3 == 0 { // with and without what has to be known before an attempt
				text += "methods:\n- {pattern: /*, timeout: 1m, repeatable: true}\n"
			}
			return text
		}
		write(t, path, version(0))
		var told atomic.Int64
		var failed atomic.Value
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		live, err := policyfile.Watch(ctx, path, policyfile.Every(time.Millisecond), policyfile.Logger(slog.New(slog.DiscardHandler)),
			policyfile.OnReload(func(err error) {
				if told.Add(1); err != nil {
					failed.Store(err)
				}
			}))
		if err != nil {
			t.Fatal(err)
		}
		s := &healthServer{check: func(context.Context, int) error { return status.Error(grpccodes.Unavailable, "busy") }}
		client := healthpb.NewHealthClient(dial(t, s, interceptor.DialOptions(interceptor.WithLive(live), interceptor.WithoutGate())...))
		stop := make(chan struct{})
		var calls sync.WaitGroup
		var made [4]atomic.Int64
		for range 4 {
			calls.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
					failure, ok := err.(*interceptor.Error) //nolint:errorlint // it is what a call returns
					if !ok || status.Code(err) != grpccodes.Unavailable || len(failure.Attempts) < 2 || len(failure.Attempts) > 3 {
						t.Errorf("got %v, want UNAVAILABLE after two or three attempts", err)
						return
					}
					made[len(failure.Attempts)].Add(1)
				}
			})
		}
		for n := 1; n <= reloads; n++ {
			write(t, path, version(n))
			time.Sleep(3 * time.Millisecond)
		}
		synctest.Wait()
		close(stop)
		calls.Wait()
		if told.Load() != int64(reloads) || failed.Load() != nil {
			t.Errorf("%d versions were taken, %v; want %d", told.Load(), failed.Load(), reloads)
		}
		if made[2].Load() == 0 || made[3].Load() == 0 || made[2].Load()+made[3].Load() < int64(reloads/5) {
			t.Errorf("%d calls of two attempts, %d of three: want many of each", made[2].Load(), made[3].Load())
		}
	})
}
