//go:build unix

package policyfile

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatch_regularFilesOnly: others are refused before they are opened, and one that
// takes the place of a regular file just then is refused too.
func TestWatch_regularFilesOnly(t *testing.T) {
	dir := t.TempDir()
	pipe, link, socket := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "s")
	if err := errors.Join(syscall.Mkfifo(pipe, 0o600), os.Symlink(pipe, link)); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket) //nolint:noctx // it is a file that a test needs
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // nobody connects
	for path, what := range map[string]string{
		pipe: "a named pipe", link: "a named pipe", socket: "a socket", dir: "a directory", os.DevNull: "a device",
	} {
		want := "policyfile: " + path + ": " + what + ": want a regular file"
		if live, err := Watch(t.Context(), path); live != nil || err == nil || err.Error() != want {
			t.Errorf("got %v, %v, want %s", live, err, want)
		}
	}
	for path, what := range map[string]string{pipe: "a named pipe", os.DevNull: "a device"} {
		want := "policyfile: " + path + ": " + what + ": want a regular file"
		if _, err := readOpened(path); err == nil || err.Error() != want {
			t.Errorf("opened: got %v, want %s", err, want)
		}
	}
}

// TestWatch_endsWithItsContext, even where the file system hangs.
func TestWatch_endsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		hang := make(chan struct{})
		defer close(hang)
		_, err := within(ctx, "x", func(string) ([]byte, error) {
			<-hang
			return nil, nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "policyfile: x: ") {
			t.Errorf("got %v, want the error of the context", err)
		}
		if live, err := Watch(ctx, "testdata/fleet.yaml"); live != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, %v, want the error of the context", live, err)
		}
		_, _ = within(ctx, "x", func(string) ([]byte, error) {
			t.Error("it was read after the context had ended")
			return nil, nil
		})
		synctest.Wait()
	})
}
