package app

import (
	"context"
	"hash/fnv"
	"strings"
	"time"

	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
)

// connect returns an asker, and what ends it.
func (p *program) connect(ctx context.Context) (a *asker, stop func(), err error) {
	opts := []interceptor.Option{interceptor.WithObserver(observe)}
	var where []option.ClientOption
	stop = func() {}
	if p.endpoint == "" {
		srv, err := startServer(ctx, planBatch)
		if err != nil {
			return nil, nil, err
		}
		stop = srv.stop
		opts = append(opts, interceptor.WithTable(demoTable()))
		where = toEmbedded(srv, &tokens{})
	} else {
		where = p.toEndpoint()
	}
	client, err := newClient(ctx, interceptor.New(opts...), where)
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

// planBatch is what the embedded server does to the prompts of a batch: some
// fail once or twice, the same ones in every run.
func planBatch(_, prompt string, n int) step {
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
	h := fnv.New32a()
	_, _ = h.Write([]byte(prompt)) // it takes everything
	switch kind := h.Sum32() % 7; {
	case kind == 0 && n <= 2:
		return step{err: overloaded()}
	case kind == 1 && n == 1:
		return step{err: internalError()}
	case kind == 2 && n == 1:
		return step{err: perMinute(1200 * time.Millisecond)}
	}
	return step{}
}
