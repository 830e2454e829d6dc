package app

import (
	"context"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/interceptor"
)

// embeddedName names the server with made-up answers, in results.
const embeddedName = "embedded"

// serverName returns the name of the answering server, for results.
func (p *program) serverName() string {
	if p.endpoint == "" {
		return embeddedName
	}
	return p.endpoint
}

// toEndpoint returns the options to talk to the service at -endpoint.
func (p *program) toEndpoint() []option.ClientOption {
	if p.insecure {
		return gemini.ToPlainEndpoint(p.endpoint, p.key)
	}
	return gemini.ToEndpoint(p.endpoint, p.key)
}

// client returns the client of a batch and a function to end the client. watch gets the
// changes of the gate.
func (p *program) client(ctx context.Context, watch func(interceptor.GateEvent)) (client *generativelanguage.GenerativeClient, stop func(), err error) {
	var srv *server.Server
	stopServer := func() {}
	if p.endpoint == "" {
		if srv, err = server.Start(ctx, p.planner()); err != nil {
			return nil, nil, err
		}
		stopServer = srv.Stop
	}
	opts := append(p.retries(), interceptor.WithGateObserver(watch))
	switch {
	case p.rest:
		var stopREST func()
		client, stopREST, err = p.overREST(ctx, srv, opts)
		stopServer = both(stopREST, stopServer)
	case srv != nil:
		client, err = p.connect(ctx, server.ToEmbedded(srv, &server.Tokens{}), opts...)
	default:
		client, err = p.connect(ctx, p.toEndpoint(), opts...)
	}
	if err != nil {
		stopServer()
		return nil, nil, err
	}
	return client, func() {
		_ = client.Close() // the process ends
		stopServer()
	}, nil
}

// overREST returns the client of a batch over REST; a nil srv is for -endpoint.
func (p *program) overREST(ctx context.Context, srv *server.Server, opts []interceptor.Option) (client *generativelanguage.GenerativeClient, stop func(), err error) {
	stop = func() {}
	url, authorize := p.url(), gemini.WithKey(p.key)
	if srv != nil {
		if url, stop, err = srv.StartREST(ctx); err != nil {
			return nil, func() {}, err
		}
		authorize = new(server.Tokens).Authorize
	}
	client, err = gemini.OverREST(ctx, url, authorize, opts...)
	return client, stop, err
}

// url returns the URL of the service at -endpoint.
func (p *program) url() string {
	if p.insecure {
		return "http://" + p.endpoint
	}
	return "https://" + p.endpoint
}

// both returns a function that calls first, then second.
func both(first, second func()) func() {
	return func() {
		first()
		second()
	}
}

// retries returns how a batch retries.
func (p *program) retries() (opts []interceptor.Option) {
	if p.scaled() {
		opts = append(opts, interceptor.WithTable(server.Table()))
	}
	if p.gateOff {
		opts = append(opts, interceptor.WithoutGate())
	}
	return opts
}

// scaled reports whether delays are, because nothing else takes long either.
func (p *program) scaled() bool { return p.endpoint == "" && p.quota == server.Quota{} }

// planner returns the failures of the embedded server for the prompts of a batch.
func (p *program) planner() server.Planner {
	if p.quota != (server.Quota{}) {
		return p.quota.Within(time.Now(), server.PlanMarked)
	}
	return server.PlanBatch
}
