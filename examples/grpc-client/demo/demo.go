// Package demo plays a script of failures and shows the outcome of each call:
// script.go has the scenes, stage.go makes the calls, crowd.go makes many at once,
// timeline.go is for people, jsonlines.go for programs.
package demo

import (
	"context"
	"io"

	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// aboutDemo describes the table of the demo, aboutTour the table for the real
// service.
const (
	aboutDemo = "The policy in force: the default table with its delays divided by 10, so that the demo is done in seconds.\n" +
		"Delays that the server asks for are waited out in full. Each scene has a quota, and so a gate, of its own."
	aboutTour = "The policy in force: the default table."
)

// Demo is how the calls are made and shown.
type Demo struct {
	Dial     gemini.Dial
	Model    string // with the prefix "models/"
	Redactor terminal.Redactor
	Screen   *terminal.Screen     // for text
	Lines    io.Writer            // for JSON lines instead, redacted already; nil for text
	extra    []interceptor.Option // of whoever plays the demo
	again    int                  // how often the script is played after the first time; less than 0 for ever
}

// reporter returns the reporter for text or JSON.
func (d *Demo) reporter() reporter {
	if d.Lines != nil {
		return newJSONLines(d.Lines)
	}
	return newTimeline(d.Screen)
}

// Play plays the script against the embedded server and returns the exit status.
func (d *Demo) Play(ctx context.Context) (status int, err error) { return d.play(ctx, script()) }

// play plays scenes.
func (d *Demo) play(ctx context.Context, scenes []scene) (status int, err error) {
	srv, err := server.Start(ctx, planOf(scenes))
	if err != nil {
		return exit.Failed, err
	}
	defer srv.Stop()
	credentials := &server.Tokens{}
	st := stage{model: d.Model, redactor: d.Redactor, show: d.reporter(), gate: make(chan interceptor.GateEvent, 100)}
	st.before = func(s scene) { credentials.Reset(s.cached) }
	st.seen = func(s scene) int { return srv.Seen(d.Model, s.title) + srv.Seen(spareModel, s.title) }
	st.requests = func(prompt string) int { return srv.Seen(d.Model, prompt) }
	table := interceptor.WithTable(server.Table())
	opts := append([]interceptor.Option{
		table, interceptor.WithRefresh(credentials.Refresh), interceptor.WithGateKey(quotaOf), interceptor.WithGateObserver(st.gateChanged),
	}, d.extra...)
	st.client, err = d.Dial(ctx, server.ToEmbedded(srv, credentials), opts...)
	if err != nil {
		return exit.Failed, err
	}
	defer st.client.Close() //nolint:errcheck // the process ends
	url, stop, err := srv.StartREST(ctx)
	if err != nil {
		return exit.Failed, err
	}
	defer stop()
	st.overREST, err = gemini.OverREST(ctx, url, credentials.Authorize, opts...)
	if err != nil {
		return exit.Failed, err
	}
	defer st.overREST.Close() //nolint:errcheck // the process ends
	st.bare, err = d.Dial(ctx, server.ToEmbedded(srv, credentials), table, interceptor.WithoutGate())
	if err != nil {
		return exit.Failed, err
	}
	defer st.bare.Close() //nolint:errcheck // the process ends

	st.show.policy(server.Table(), aboutDemo)
	status = st.play(ctx, scenes)
	for n := 0; n != d.again && status == exit.OK; n++ {
		srv.Forget()
		status = st.play(ctx, scenes)
	}
	return status, nil
}

// Tour makes some calls to the real service and returns the exit status.
func (d *Demo) Tour(ctx context.Context, where []option.ClientOption) (status int, err error) {
	client, err := d.Dial(ctx, where)
	if err != nil {
		return exit.Failed, err
	}
	defer client.Close() //nolint:errcheck // the process ends

	st := stage{client: client, model: d.Model, redactor: d.Redactor, show: d.reporter()}
	st.show.policy(policy.Default(), aboutTour)
	return st.play(ctx, []scene{
		{title: "Why is the sky blue? Answer in one sentence.", method: "GenerateContent", call: gemini.GenerateContent, free: true},
		{title: "Name three rivers of Europe.", method: "StreamGenerateContent", call: gemini.StreamGenerateContent, free: true},
		{title: "How many tokens does this sentence have?", method: "CountTokens", call: gemini.CountTokens, free: true},
	}), nil
}
