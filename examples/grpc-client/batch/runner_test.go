package batch

import (
	"context"
	"errors"
	"testing"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"

	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
)

// ended is a sink that notes how a run ends.
type ended struct{ closed, abandoned bool }

func (*ended) put(Record) error { return nil }
func (e *ended) close() error   { e.closed = true; return nil }
func (e *ended) abandon()       { e.abandoned = true }
func (*ended) failed() int      { return 0 }
func (*ended) resumes() bool    { return false }

// TestRunner_aRunThatFailsIsAbandoned: closing would fail again where writing has failed.
func TestRunner_aRunThatFailsIsAbandoned(t *testing.T) {
	broken := errors.New("broken")
	to := &ended{}
	r := &runner{to: to, report: &text{Screen: terminal.New(nil, false, nothing)}, tally: &tally{}, Batch: &Batch{
		Connect: func(context.Context, func(interceptor.GateEvent)) (*generativelanguage.GenerativeClient, func(), error) {
			return nil, nil, broken
		},
	}}
	if err := r.run(t.Context(), []prompt{{1, "hello"}}, 1); !errors.Is(err, broken) || to.closed || !to.abandoned {
		t.Errorf("got %v, closed %v, abandoned %v; want the error of the connection, and no close", err, to.closed, to.abandoned)
	}
	to = &ended{}
	r.to = to
	if err := r.run(t.Context(), nil, 1); err != nil || !to.closed || to.abandoned {
		t.Errorf("got %v, closed %v, abandoned %v; want a close", err, to.closed, to.abandoned)
	}
}
