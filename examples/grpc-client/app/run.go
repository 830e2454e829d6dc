package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
)

// KeyVariable is the environment variable with the key of the real service.
const KeyVariable = "GEMINI_API_KEY"

// grace is how long the calls in flight get to end after an interruption: an
// answer that has been paid for should not be thrown away.
const grace = 5 * time.Second

// World is what belongs to the process.
type World struct {
	Args      []string
	In        io.Reader
	Out, Errs io.Writer
	Terminals [2]bool // whether out and errs are terminals
	Getenv    func(string) string
	Patience  time.Duration // see grace
}

// program is a run of the program.
type program struct {
	options
	connect  gemini.Dial
	key      string
	redactor terminal.Redactor
	in       io.Reader
	results  *terminal.Output // standard output, for what is redacted already
	screen   *terminal.Screen // on standard output
	errs     *terminal.Screen // on standard error
	patience time.Duration
}

// newProgram returns a run that knows its world, but not yet what to do.
func newProgram(connect gemini.Dial, w World) *program {
	p := &program{connect: connect, key: strings.TrimSpace(w.Getenv(KeyVariable)), in: w.In, results: terminal.NewOutput(w.Out), patience: w.Patience}
	p.redactor = terminal.NewRedactor(p.key)
	p.screen = terminal.New(p.redactor.Writer(p.results), w.Terminals[0], w.Getenv)
	p.errs = terminal.New(p.redactor.Writer(w.Errs), w.Terminals[1], w.Getenv)
	return p
}

// Run is the program. It returns the exit status.
func Run(ctx context.Context, connect gemini.Dial, w World) int {
	p := newProgram(connect, w)
	var err error
	p.options, err = parse(w.Args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		p.screen.Printf("%s", help)
		return p.end(exit.OK, nil)
	case err == nil && p.endpoint != "" && p.key == "":
		err = fmt.Errorf("%s: not set: want the key for the service at -endpoint in this environment variable", KeyVariable)
	}
	if err != nil {
		return p.complain(exit.Misused, err)
	}
	return p.end(p.start(ctx))
}

// end prints the error with which a run has ended, if any, and returns the exit status. A
// standard output that took no more is the error that counts: others may follow from it.
func (p *program) end(status int, err error) int {
	if broken := p.results.Err(); broken != nil {
		status, err = exit.Failed, fmt.Errorf("standard output: %w: want room for what is printed", broken)
	}
	if err != nil {
		return p.complain(status, err)
	}
	return status
}

// complain prints an error in one line.
func (p *program) complain(status int, err error) int {
	p.errs.Printf("grpc-client: %s\n", terminal.OneLine(err.Error()))
	return status
}
