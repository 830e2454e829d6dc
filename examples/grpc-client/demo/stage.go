package demo

import (
	"context"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
)

// stage is where scenes are played.
type stage struct {
	client   *generativelanguage.GenerativeClient
	overREST *generativelanguage.GenerativeClient // nil without scenes over REST
	model    string
	redactor terminal.Redactor
	show     reporter
	before   func(scene)     // each call; may be nil
	seen     func(scene) int // attempts in the count of the server; may be nil

	// For crowds: a client without gate, the events of the other client's gate, and the
	// server's count of requests with a prompt.
	bare     *generativelanguage.GenerativeClient
	gate     chan interceptor.GateEvent
	requests func(prompt string) int
}

// gateChanged takes an event of the gate without waiting for a reader.
func (st *stage) gateChanged(e interceptor.GateEvent) {
	select {
	case st.gate <- e:
	default:
	}
}

// play makes the calls one after the other and returns the exit status.
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
			return exit.Interrupted
		}
		if st.seen != nil && !s.crowd {
			r.seen = st.seen(s)
		}
		if len(r.differences()) > 0 {
			status = exit.Failed
		}
		st.show.end(r)
		all = append(all, r)
	}
	st.show.close(all, time.Since(began))
	return status
}

// call makes the call of a scene and returns the outcome.
func (st *stage) call(ctx context.Context, number int, s scene) result {
	r := result{number: number, scene: s, seen: unseen}
	st.show.begin(number, s)
	ctx = gemini.WithProbe(ctx, func(e interceptor.Event) {
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
	client := st.client
	if s.rest {
		client = st.overREST
	}
	r.text, r.err = s.call(ctx, client, st.model, s.title)
	r.text = st.redactor.Text(r.text)
	if r.err != nil {
		r.fault = terminal.Shown(r.err, st.redactor)
	}
	return r
}
