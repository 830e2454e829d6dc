package app

import (
	"context"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"

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

// demo plays the script against the embedded server.
func (p *program) demo(ctx context.Context, scenes []scene) (status int, err error) {
	srv, err := startServer(ctx, planOf(scenes))
	if err != nil {
		return failed, err
	}
	defer srv.stop()
	credentials := &tokens{}
	st := stage{model: p.model, redactor: p.redactor, show: p.reporter(), before: credentials.reset, gate: make(chan interceptor.GateEvent, 100)}
	st.seen = func(s scene) int { return srv.seen(p.model, s.title) + srv.seen(spareModel, s.title) }
	st.requests = func(prompt string) int { return srv.seen(p.model, prompt) }
	usual := []interceptor.Option{interceptor.WithTable(demoTable()), interceptor.WithObserver(observe)}
	st.client, err = newClient(ctx, interceptor.New(append(append([]interceptor.Option{
		interceptor.WithRefresh(credentials.refresh), interceptor.WithGateKey(quotaOf), interceptor.WithGateObserver(st.gateChanged),
	}, usual...), p.extra...)...), toEmbedded(srv, credentials))
	if err != nil {
		return failed, err
	}
	defer st.client.Close() //nolint:errcheck // the process ends
	st.bare, err = newClient(ctx, interceptor.New(append(usual, interceptor.WithoutGate())...), toEmbedded(srv, credentials))
	if err != nil {
		return failed, err
	}
	defer st.bare.Close() //nolint:errcheck // the process ends

	st.show.policy(demoTable(), aboutDemo)
	status = st.play(ctx, scenes)
	for n := 0; n != p.again && status == succeeded; n++ {
		srv.forget()
		status = st.play(ctx, scenes)
	}
	return status, nil
}

// tour makes some calls to the real service.
func (p *program) tour(ctx context.Context) (status int, err error) {
	r := interceptor.New(interceptor.WithObserver(observe))
	client, err := newClient(ctx, r, p.toEndpoint())
	if err != nil {
		return failed, err
	}
	defer client.Close() //nolint:errcheck // the process ends

	st := stage{client: client, model: p.model, redactor: p.redactor, show: p.reporter()}
	st.show.policy(policy.Default(), aboutTour)
	return st.play(ctx, []scene{
		{title: "Why is the sky blue? Answer in one sentence.", method: "GenerateContent", call: generateContent, free: true},
		{title: "Name three rivers of Europe.", method: "StreamGenerateContent", call: streamGenerateContent, free: true},
		{title: "How many tokens does this sentence have?", method: "CountTokens", call: countTokens, free: true},
	}), nil
}

// stage is where scenes are played.
type stage struct {
	client   *generativelanguage.GenerativeClient
	model    string
	redactor redactor
	show     reporter
	before   func(scene)     // each call; may be nil
	seen     func(scene) int // attempts that the server counted; may be nil

	// For crowds: a client without gate, what the gate of the other one does, and how
	// many requests with a prompt the server has had.
	bare     *generativelanguage.GenerativeClient
	gate     chan interceptor.GateEvent
	requests func(prompt string) int
}

// gateChanged is told what the gate does. It must not wait for whoever looks.
func (st *stage) gateChanged(e interceptor.GateEvent) {
	select {
	case st.gate <- e:
	default:
	}
}

// play makes the calls one after the other and returns 0 if each ended as it
// should.
func (st *stage) play(ctx context.Context, scenes []scene) (status int) {
	began := time.Now()
	var all []result
	for i, s := range scenes {
		if st.before != nil {
			st.before(s)
		}
		play := st.call
		if s.crowd {
			play = st.crowd
		}
		r := play(ctx, i+1, s)
		if ctx.Err() != nil {
			st.show.interrupted()
			return interrupted
		}
		if st.seen != nil && !s.crowd {
			r.seen = st.seen(s)
		}
		if len(r.differences()) > 0 {
			status = failed
		}
		st.show.end(r)
		all = append(all, r)
	}
	st.show.close(all, time.Since(began))
	return status
}

// call makes the call of a scene and returns how it ended.
func (st *stage) call(ctx context.Context, number int, s scene) result {
	r := result{number: number, scene: s, seen: unseen}
	st.show.begin(number, s)
	ctx = withProbe(ctx, func(e interceptor.Event) {
		r.note(e)
		if e.Outcome == interceptor.Pending {
			st.show.attempt(e)
		}
	})
	ctx = interceptor.NewContext(context.WithValue(ctx, sceneKey{}, s.title), s.options...)
	if s.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.deadline)
		defer cancel()
	}
	r.text, r.err = s.call(ctx, st.client, st.model, s.title)
	r.text = st.redactor.text(r.text)
	if r.err != nil {
		r.fault = shown(r.err, st.redactor)
	}
	return r
}
