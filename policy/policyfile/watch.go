package policyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/reinvoke/reinvoke/internal/clock"
	"github.com/reinvoke/reinvoke/policy"
)

// DefaultInterval is how often [Watch] looks at its file: every 10 s. Judgement:
// reading a file of some kilobytes costs nothing next to a call, and Kubernetes
// takes a minute to bring a changed ConfigMap.
const DefaultInterval = 10 * time.Second

// settleTime is how long a changed file has to stay as it is: it may still be
// being written. Judgement: editors and tools write a small file in milliseconds.
const settleTime = 100 * time.Millisecond

// WatchOption configures [Watch].
type WatchOption func(*watcher) error

// Every sets how often the file is looked at: more than 0, [DefaultInterval] by
// default.
func Every(d time.Duration) WatchOption {
	return func(w *watcher) error {
		if d <= 0 {
			return fmt.Errorf("policyfile: Every: %v: want > 0s", d)
		}
		w.every = d
		return nil
	}
}

// Logger sets where changes (Info) and faults (Error) are logged: slog.Default by
// default. Values of the file are in the log, since faults quote them.
func Logger(l *slog.Logger) WatchOption {
	return func(w *watcher) error {
		if l == nil {
			return errors.New("policyfile: Logger: nil: want a *slog.Logger")
		}
		w.log = l
		return nil
	}
}

// OnReload has f told when a changed file was read: of the error that left the old
// configuration in force, or of nil. If the file cannot be read f is told why, once
// for each reason, and when the file can be read again f is told how its version
// stands, nil or an error, even if the version is the one from before. The last word
// is therefore always about the present file.
//
// f is called on a goroutine of its own, one call at a time. If f panics, the panic
// is logged as an error with its stack, and the file is followed as before; the next
// call of f is about the file again, and does not mention the panic.
func OnReload(f func(error)) WatchOption {
	return func(w *watcher) error {
		if f == nil {
			return errors.New("policyfile: OnReload: nil: want a function")
		}
		w.told = f
		return nil
	}
}

// Watch reads a file as [LoadFile] does, and follows it until ctx ends: calls that
// start to fail later use what it then says, for interceptor.WithLive. If a new
// version is wrong or the file is gone, what was in force stays, and the error is
// logged, once for each version.
//
// The file has to be a regular one, or a symbolic link to one; a named pipe, a device
// or a directory is an error. If ctx ends before the file was read, the error wraps
// that of ctx.
//
// It reads the whole file at every interval, so that mounted ConfigMaps, symbolic
// links and network file systems work, and takes a new version when it has stayed
// the same for a moment. What a connection has read when it was set up, the figures
// of its budget, does not change.
func Watch(ctx context.Context, path string, opts ...WatchOption) (*policy.Live, error) {
	w := &watcher{path: path, every: DefaultInterval, log: slog.Default(), told: func(error) {}}
	for _, o := range opts {
		if err := o(w); err != nil {
			return nil, err
		}
	}
	data, err := within(ctx, path, readRegular)
	if err != nil {
		return nil, err
	}
	c, err := parse(path, data)
	if err != nil {
		return nil, err
	}
	if w.live, err = policy.NewLive(c); err != nil {
		return nil, err
	}
	w.seen = data
	go w.run(ctx)
	return w.live, nil
}

// watcher follows a file.
type watcher struct {
	path  string
	every time.Duration
	log   *slog.Logger
	told  func(error)
	live  *policy.Live

	seen  []byte // the last version
	wrong error  // what is wrong with it
	lost  string // why it cannot be read; empty while it can
}

func (w *watcher) run(ctx context.Context) {
	system := clock.System()
	for clock.Sleep(ctx, system, w.every) == nil {
		data, err := w.settled(ctx)
		if ctx.Err() != nil {
			return
		}
		w.look(ctx, data, err)
	}
}

// settled reads the file until two readings are equal, or it is as it was.
func (w *watcher) settled(ctx context.Context) (data []byte, err error) {
	data, err = within(ctx, w.path, readRegular)
	for err == nil && !bytes.Equal(data, w.seen) {
		if err := clock.Sleep(ctx, clock.System(), min(settleTime, w.every)); err != nil {
			return nil, err
		}
		var again []byte
		again, err = within(ctx, w.path, readRegular)
		if err == nil && bytes.Equal(again, data) {
			return again, nil
		}
		data = again
	}
	return data, err
}

// look puts a new version in force, and tells of what has changed.
func (w *watcher) look(ctx context.Context, data []byte, err error) {
	if err != nil {
		if w.lost != err.Error() {
			w.lost = err.Error()
			w.tell(ctx, "", err)
		}
		return
	}
	news := "a new version is in force"
	if bytes.Equal(data, w.seen) {
		if w.lost == "" {
			return
		}
		news = "it is back, and its version is in force"
	} else {
		w.seen, w.wrong = data, w.store(data)
	}
	w.lost = ""
	w.tell(ctx, news, w.wrong)
}

// store puts a version in force, unless something is wrong with it.
func (w *watcher) store(data []byte) error {
	c, err := parse(w.path, data)
	if err != nil {
		return err
	}
	return w.live.Store(c)
}

// tell tells of news, or of what is wrong.
func (w *watcher) tell(ctx context.Context, news string, err error) {
	if err != nil {
		w.log.ErrorContext(ctx, "[RETRY] policy file: the one before stays in force", "file", w.path, "error", err)
	} else {
		w.log.InfoContext(ctx, "[RETRY] policy file: "+news, "file", w.path)
	}
	defer func() {
		if p := recover(); p != nil { // the program is not ours to end
			w.log.ErrorContext(ctx, "[RETRY] policy file: OnReload panicked", "file", w.path, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	w.told(err)
}
