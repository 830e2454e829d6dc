package demo

import (
	"context"
	"errors"
	"io"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
)

// Play plays the script so many times, 0 for ever, on one connection with opts beside the
// usual options, and prints to out. The error says that a call did not end as the script
// says, or that ctx ended first.
func Play(ctx context.Context, connect gemini.Dial, out io.Writer, rounds int, opts ...interceptor.Option) error {
	d := Demo{
		Dial: connect, Model: "models/" + gemini.DefaultModel, Redactor: terminal.NewRedactor(""), extra: opts, again: rounds - 1,
		Screen: terminal.New(out, false, func(string) string { return "" }),
	}
	status, err := d.Play(ctx)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case status != exit.OK:
		return errors.New("the demo: a call did not end as it should")
	}
	return nil
}
