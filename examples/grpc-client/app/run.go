package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// keyVariable is the environment variable with the key of the real service.
const keyVariable = "GEMINI_API_KEY"

// grace is how long the calls in flight get to end after an interruption: an
// answer that has been paid for should not be thrown away.
const grace = 5 * time.Second

// world is what belongs to the process.
type world struct {
	args      []string
	in        io.Reader
	out, errs io.Writer
	terminals [2]bool // whether out and errs are terminals
	getenv    func(string) string
	patience  time.Duration // see grace
}

// program is a run of the program.
type program struct {
	options
	connect  dial
	key      string
	redactor redactor
	in       io.Reader
	results  io.Writer // standard output, for what is redacted already
	screen   *screen   // on standard output
	errs     *screen   // on standard error
	patience time.Duration
}

// newProgram returns a run that knows its world, but not yet what to do.
func newProgram(connect dial, w world) *program {
	p := &program{connect: connect, key: strings.TrimSpace(w.getenv(keyVariable)), in: w.in, results: w.out, patience: w.patience}
	p.redactor = newRedactor(p.key)
	p.screen = newScreen(p.redactor.writer(w.out), w.terminals[0], w.getenv)
	p.errs = newScreen(p.redactor.writer(w.errs), w.terminals[1], w.getenv)
	return p
}

// run is the program. It returns the exit status.
func run(ctx context.Context, connect dial, w world) int {
	p := newProgram(connect, w)
	var err error
	p.options, err = parse(w.args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		p.screen.printf("%s", help)
		return succeeded
	case err == nil && p.endpoint != "" && p.key == "":
		err = fmt.Errorf("%s: not set: want the key for the service at -endpoint in this environment variable", keyVariable)
	}
	if err != nil {
		return p.complain(misused, err)
	}
	status, err := p.start(ctx)
	if err != nil {
		return p.complain(status, err)
	}
	return status
}

// complain prints an error in one line.
func (p *program) complain(status int, err error) int {
	p.errs.printf("grpc-client: %s\n", oneLine(err.Error()))
	return status
}

// start does what the options say.
func (p *program) start(ctx context.Context) (status int, err error) {
	switch {
	case p.explain != "":
		return p.explanation()
	case p.prompts != "":
		return p.batch().run(ctx)
	case p.endpoint != "":
		return p.demo().tour(ctx, p.toEndpoint())
	}
	return p.demo().play(ctx, script())
}

// explanation prints what -explain asks for.
func (p *program) explanation() (status int, err error) {
	x, err := explainError(explainOptions{text: p.explain, in: p.in, table: p.table, method: p.method, redact: p.redactor.text})
	if err != nil {
		return misused, err
	}
	p.screen.printf("%s", x.String())
	return succeeded, nil
}

// demo returns the demo that the options ask for.
func (p *program) demo() *demo {
	return &demo{dial: p.connect, model: p.model, redactor: p.redactor, show: p.reporter()}
}

// batch returns the batch that the options ask for.
func (p *program) batch() *batch {
	b := &batch{
		prompts: p.prompts, in: p.in, out: p.out, results: p.results, retryFailed: p.retryFailed,
		server: p.serverName(), model: p.model, stream: p.stream, parallel: p.parallel,
		connect: p.client, patience: p.patience, redactor: p.redactor,
		screen: p.errs, scrolling: p.out == "" && p.screen.live,
	}
	switch {
	case p.scaled():
		b.about = fmt.Sprintf("No -endpoint: an embedded server makes up the answers; default delays divided by %d.", demoScale)
	case p.endpoint == "":
		b.about = fmt.Sprintf("No -endpoint: an embedded server makes up the answers, %v.", p.quota)
	}
	return b
}

// reporter returns what shows the calls of the demo.
func (p *program) reporter() reporter {
	if p.json {
		return newJSONLines(p.results)
	}
	return newTimeline(p.screen)
}
