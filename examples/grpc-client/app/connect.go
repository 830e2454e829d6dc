package app

import (
	"context"
	"hash/fnv"
	"strings"
	"time"

	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
)

// connect returns an asker, and what ends it. watch is told what the gate does.
func (p *program) connect(ctx context.Context, watch func(interceptor.GateEvent)) (a *asker, stop func(), err error) {
	var where []option.ClientOption
	stop = func() {}
	if p.endpoint == "" {
		srv, err := startServer(ctx, p.planner())
		if err != nil {
			return nil, nil, err
		}
		stop = srv.stop
		where = toEmbedded(srv, &tokens{})
	} else {
		where = p.toEndpoint()
	}
	client, err := newClient(ctx, interceptor.New(append(p.retries(), interceptor.WithGateObserver(watch))...), where)
	if err != nil {
		stop()
		return nil, nil, err
	}
	stopServer := stop
	return &asker{client: client, server: p.serverName(), model: p.model, stream: p.stream, redactor: p.redactor}, func() {
		_ = client.Close() // the process ends
		stopServer()
	}, nil
}

// retries returns how a batch retries.
func (p *program) retries() []interceptor.Option {
	opts := []interceptor.Option{interceptor.WithObserver(observe)}
	if p.scaled() {
		opts = append(opts, interceptor.WithTable(demoTable()))
	}
	if p.gateOff {
		opts = append(opts, interceptor.WithoutGate())
	}
	return opts
}

// scaled reports whether delays are, because nothing else takes long either.
func (p *program) scaled() bool { return p.endpoint == "" && p.quota == quota{} }

// planner returns what the embedded server does to the prompts of a batch.
func (p *program) planner() planner {
	if p.quota != (quota{}) {
		return p.quota.within(time.Now(), planMarked)
	}
	return planBatch
}

// planMarked fails the prompts that say so, for good.
func planMarked(_, prompt string, _ int) step {
	switch first, _, _ := strings.Cut(prompt, " "); first {
	case "!daily":
		return step{err: perDay()}
	case "!zero":
		return step{err: limitZero()}
	case "!key":
		return step{err: wrongKey()}
	case "!request":
		return step{err: badRequest()}
	case "!blocked":
		return step{block: true}
	case "!midway":
		return step{err: internalError(), chunks: 1}
	}
	return step{}
}

// planBatch fails others too, once or twice, the same ones in every run.
func planBatch(model, prompt string, n int) step {
	if st := planMarked(model, prompt, n); st != (step{}) {
		return st
	}
	switch kind := hashOf(prompt) % 7; {
	case kind == 0 && n <= 2:
		return step{err: overloaded()}
	case kind == 1 && n == 1:
		return step{err: internalError()}
	case kind == 2 && n == 1:
		return step{err: perMinute(1200 * time.Millisecond)}
	}
	return step{}
}

// hashOf returns a number that depends on the text alone.
func hashOf(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // it takes everything
	return h.Sum32()
}
