package app

import (
	"context"

	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// aboutDemo says what table the demo runs with, aboutTour what the real
// service is asked with.
const (
	aboutDemo = "The policy in force: the default table with its delays divided by 10, so that the demo is done in seconds.\n" +
		"Delays that the server asks for are waited out in full. Each scene has a quota, and so a gate, of its own."
	aboutTour = "The policy in force: the default table."
)

// demo is how the calls are made and shown.
type demo struct {
	dial     dial
	model    string // with its "models/"
	redactor redactor
	show     reporter
	extra    []interceptor.Option // of whoever plays the demo
	again    int                  // how often the script is played after the first time; less than 0 for ever
}

// play plays scenes against the embedded server and returns the exit status.
func (d *demo) play(ctx context.Context, scenes []scene) (status int, err error) {
	srv, err := startServer(ctx, planOf(scenes))
	if err != nil {
		return failed, err
	}
	defer srv.stop()
	credentials := &tokens{}
	st := stage{model: d.model, redactor: d.redactor, show: d.show, gate: make(chan interceptor.GateEvent, 100)}
	st.before = func(s scene) { credentials.reset(s.cached) }
	st.seen = func(s scene) int { return srv.seen(d.model, s.title) + srv.seen(spareModel, s.title) }
	st.requests = func(prompt string) int { return srv.seen(d.model, prompt) }
	usual := []interceptor.Option{interceptor.WithTable(demoTable()), interceptor.WithObserver(observe)}
	st.client, err = d.dial(ctx, toEmbedded(srv, credentials), append(append([]interceptor.Option{
		interceptor.WithRefresh(credentials.refresh), interceptor.WithGateKey(quotaOf), interceptor.WithGateObserver(st.gateChanged),
	}, usual...), d.extra...)...)
	if err != nil {
		return failed, err
	}
	defer st.client.Close() //nolint:errcheck // the process ends
	st.bare, err = d.dial(ctx, toEmbedded(srv, credentials), append(usual, interceptor.WithoutGate())...)
	if err != nil {
		return failed, err
	}
	defer st.bare.Close() //nolint:errcheck // the process ends

	st.show.policy(demoTable(), aboutDemo)
	status = st.play(ctx, scenes)
	for n := 0; n != d.again && status == succeeded; n++ {
		srv.forget()
		status = st.play(ctx, scenes)
	}
	return status, nil
}

// tour makes some calls to the real service and returns the exit status.
func (d *demo) tour(ctx context.Context, where []option.ClientOption) (status int, err error) {
	client, err := d.dial(ctx, where, interceptor.WithObserver(observe))
	if err != nil {
		return failed, err
	}
	defer client.Close() //nolint:errcheck // the process ends

	st := stage{client: client, model: d.model, redactor: d.redactor, show: d.show}
	st.show.policy(policy.Default(), aboutTour)
	return st.play(ctx, []scene{
		{title: "Why is the sky blue? Answer in one sentence.", method: "GenerateContent", call: generateContent, free: true},
		{title: "Name three rivers of Europe.", method: "StreamGenerateContent", call: streamGenerateContent, free: true},
		{title: "How many tokens does this sentence have?", method: "CountTokens", call: countTokens, free: true},
	}), nil
}
