package app

import (
	"context"
	"fmt"
	"io"

	"github.com/reinvoke/reinvoke/examples/grpc-client/batch"
	"github.com/reinvoke/reinvoke/examples/grpc-client/demo"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/explain"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
)

// start runs the selected mode.
func (p *program) start(ctx context.Context) (status int, err error) {
	switch {
	case p.explain != "":
		return p.explanation()
	case p.prompts != "":
		return p.batch().Run(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p.results.OnError(cancel) // nobody would see the rest
	if p.endpoint != "" {
		return p.demo().Tour(ctx, p.toEndpoint())
	}
	return p.demo().Play(ctx)
}

// explanation prints the explanation of -explain.
func (p *program) explanation() (status int, err error) {
	x, err := explain.Of(explain.Options{Text: p.explain, In: p.in, Table: p.table, Method: p.method, Redact: p.redactor.Text})
	if err != nil {
		return exit.Misused, err
	}
	if p.json {
		_, _ = io.WriteString(p.results, x.JSON()+"\n") // the output remembers the error
	} else {
		p.screen.Printf("%s", x.String())
	}
	return exit.OK, nil
}

// demo returns the demo for the options.
func (p *program) demo() *demo.Demo {
	d := &demo.Demo{Dial: p.connect, Model: p.model, Redactor: p.redactor, Screen: p.screen}
	if p.json {
		d.Lines = p.results
	}
	return d
}

// batch returns the batch for the options.
func (p *program) batch() *batch.Batch {
	b := &batch.Batch{
		Prompts: p.prompts, In: p.in, Out: p.out, Results: p.results, RetryFailed: p.retryFailed,
		Server: p.serverName(), Model: p.model, Stream: p.stream, Parallel: p.parallel,
		JSON: p.json, Connect: p.client, Patience: p.patience, Redactor: p.redactor,
		Screen: p.errs, Scrolling: p.out == "" && p.screen.Live,
	}
	switch {
	case p.scaled():
		b.About = fmt.Sprintf("No -endpoint: an embedded server makes up the answers; default delays divided by %d.", server.Scale)
	case p.endpoint == "":
		b.About = fmt.Sprintf("No -endpoint: an embedded server makes up the answers, %v.", p.quota)
	}
	return b
}
