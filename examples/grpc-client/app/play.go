package app

import (
	"context"
	"errors"
	"io"

	"github.com/reinvoke/reinvoke/interceptor"
)

// playScript plays the script of the demo so many times, 0 for ever, on one connection with
// options of the caller's beside its own, and prints it to out. The error says that a
// call did not end as it should, or that ctx ended first.
func playScript(ctx context.Context, connect dial, out io.Writer, rounds int, opts ...interceptor.Option) error {
	d := demo{
		dial: connect, model: "models/" + defaultModel, redactor: newRedactor(""), extra: opts, again: rounds - 1,
		show: newTimeline(newScreen(out, false, func(string) string { return "" })),
	}
	status, err := d.play(ctx, script())
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case status != succeeded:
		return errors.New("the demo: a call did not end as it should")
	}
	return nil
}
