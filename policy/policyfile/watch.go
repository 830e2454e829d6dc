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

// DefaultInterval is the time between two readings of the file by [Watch]: 10 s. Judgement:
// reading some kilobytes costs nothing compared to a call, and Kubernetes takes a minute to
// deliver a changed ConfigMap.
const DefaultInterval = 10 * time.Second

// settleTime is how long a changed file must stay unchanged, because a program may still be
// writing the file. Judgement: editors and tools write a small file in milliseconds.
const settleTime = 100 * time.Millisecond

// WatchOption configures [Watch].
type WatchOption func(*watcher) error

// Every sets the time between two readings of the file: more than 0, by default
// [DefaultInterval].
func Every(d time.Duration) WatchOption {
	return func(w *watcher) error {
		if d <= 0 {
			return fmt.Errorf("policyfile: Every: %v: want > 0s", d)
		}
		w.every = d
		return nil
	}
}

// Logger sets the logger for changes (Info) and faults (Error): by default slog.Default. The
// log contains values from the file, since faults quote them.
func Logger(l *slog.Logger) WatchOption {
	return func(w *watcher) error {
		if l == nil {
			return errors.New("policyfile: Logger: nil: want a *slog.Logger")
		}
		w.log = l
		return nil
	}
}

// OnReload registers f to be called after reading a changed file: with nil for success, or with
// the error that keeps the old configuration in force. If the file becomes unreadable, f is
// called with the reason, once per reason. When the file is readable again, f is called with
// the result for its version, nil or an error, even if the version is the previous one. So the
// last call is always about the present file.
//
// f is called on a separate goroutine, one call at a time. If f panics, the panic is logged as
// an error with its stack, and watching continues. The next call of f is about the file again,
// without a word about the panic.
func OnReload(f func(error)) WatchOption {
	return func(w *watcher) error {
		if f == nil {
			return errors.New("policyfile: OnReload: nil: want a function")
		}
		w.told = f
		return nil
	}
}

// Watch reads a file like [LoadFile], and follows the file until ctx ends: calls failing later
// use the new version, for interceptor.WithLive. If a new version is wrong or the file is
// missing, the old configuration stays in force, and the error is logged, once per version.
//
// The file must be a regular file, or a symbolic link to one; a named pipe, a device or a
// directory is an error. If ctx ends before the file is read, the error wraps the error of ctx.
//
// Watch reads the whole file at every interval, so that mounted ConfigMaps, symbolic links and
// network file systems work. A new version takes effect after staying the same for a moment.
// The figures of the budget are read when a connection is set up, and do not change later.
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

	seen  []byte // content of the last version
	wrong error  // error of the last version
	lost  string // why the file is unreadable; empty if readable
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

// settled reads the file until two consecutive readings are equal, or equal to the last
// version.
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

// look puts a new version in force, and reports a change.
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

// store puts a version in force, unless the version is invalid.
func (w *watcher) store(data []byte) error {
	c, err := parse(w.path, data)
	if err != nil {
		return err
	}
	return w.live.Store(c)
}

// tell logs and reports news, or an error.
func (w *watcher) tell(ctx context.Context, news string, err error) {
	if err != nil {
		w.log.ErrorContext(ctx, "[RETRY] policy file: the one before stays in force", "file", w.path, "error", err)
	} else {
		w.log.InfoContext(ctx, "[RETRY] policy file: "+news, "file", w.path)
	}
	defer func() {
		if p := recover(); p != nil { // a callback must not end the program
			w.log.ErrorContext(ctx, "[RETRY] policy file: OnReload panicked", "file", w.path, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	w.told(err)
}
