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

// grace is the time for calls in flight after an interruption. An answer on the way has
// been paid for already.
const grace = 5 * time.Second

// World is the environment of the process.
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
	results  *terminal.Output // standard output, for redacted text
	screen   *terminal.Screen // on standard output
	errs     *terminal.Screen // on standard error
	patience time.Duration
}

// newProgram returns a run without options.
func newProgram(connect gemini.Dial, w World) *program {
	p := &program{connect: connect, key: strings.TrimSpace(w.Getenv(KeyVariable)), in: w.In, results: terminal.NewOutput(w.Out), patience: w.Patience}
	p.redactor = terminal.NewRedactor(p.key)
	p.screen = terminal.New(p.redactor.Writer(p.results), w.Terminals[0], w.Getenv)
	p.errs = terminal.New(p.redactor.Writer(w.Errs), w.Terminals[1], w.Getenv)
	return p
}

// Run is the program. Run returns the exit status.
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

// end prints err, if any, and returns the exit status. An error of standard output replaces
// err: err may be a consequence.
func (p *program) end(status int, err error) int {
	if broken := p.results.Err(); broken != nil {
		status, err = exit.Failed, fmt.Errorf("standard output: %w: want room for what is printed", broken)
	}
	if err != nil {
		return p.complain(status, err)
	}
	return status
}

// complain prints an error as a single line.
func (p *program) complain(status int, err error) int {
	p.errs.Printf("grpc-client: %s\n", terminal.OneLine(err.Error()))
	return status
}
