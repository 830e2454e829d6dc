package policyfile_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// TestWatch_everyTenSeconds: by default.
func TestWatch_everyTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "retries.yaml")
		write(t, path, serverRetries(4))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		live, err := policyfile.Watch(ctx, path, policyfile.Logger(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, serverRetries(5))
		for _, want := range []int{4, 5} { // after 9 s, and after 18 s
			time.Sleep(9 * time.Second)
			synctest.Wait()
			if got := live.Load().Table[codes.Server].Retries; got != want {
				t.Errorf("%d retries, want %d", got, want)
			}
		}
	})
}
