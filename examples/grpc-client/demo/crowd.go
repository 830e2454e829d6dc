package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
)

// The crowd of the demo: calls at a steady beat, shortly before the end of a minute, with
// most of the quota used up by others.
const (
	crowdCalls = 24
	crowdBeat  = 50 * time.Millisecond
	crowdQuota = 30 // requests a minute,
	crowdUsed  = 24 // of them by others
	crowdLeft  = 3 * time.Second
)

// ungated is the end of the prompt of calls without gate.
const ungated = ", without the gate"

// planCrowd plans a crowd.
func planCrowd() server.Planner {
	var m *server.Meter
	return func(_, _ string, n int) server.Step {
		now := time.Now()
		if n == 1 {
			m = server.NewMeter(server.Quota{Requests: crowdQuota}, now.Add(crowdLeft-time.Minute), server.Quota{Requests: crowdUsed})
		}
		return server.Step{Err: m.Take(now, 0)}
	}
}

// sceneKey is the key of the scene's title in a context.
type sceneKey struct{}

// quotaOf is the key of the gate: a quota for each scene. Otherwise a scene would wait
// for the trouble of another scene.
func quotaOf(ctx context.Context, _ string) string {
	title, _ := ctx.Value(sceneKey{}).(string)
	return title
}

// throng is the outcome of the calls of a crowd.
type throng struct {
	answered int
	held     int // calls that waited at the gate
	requests int // at the server
}

// String returns the outcome in words.
func (g throng) String() string {
	return fmt.Sprintf("%d of %d calls answered with %s", g.answered, crowdCalls, terminal.Plural(g.requests, "request"))
}

// crowd makes the calls with the gate and, at the same time, without, and shows the gate.
func (st *stage) crowd(ctx context.Context, number int, s scene) result {
	st.show.begin(number, s)
	r := result{number: number, scene: s, class: codes.Quota, seen: unseen, with: &throng{}, without: &throng{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var both sync.WaitGroup
		both.Go(func() { *r.with = st.throng(ctx, st.client, s, s.title) })
		both.Go(func() { *r.without = st.throng(ctx, st.bare, s, s.title+ungated) })
		both.Wait()
	}()
	for {
		select {
		case e := <-st.gate:
			if e.Key == s.title {
				st.show.gate(e)
			}
			continue
		case <-done:
		}
		return r
	}
}

// throng makes the calls of a crowd by one client.
func (st *stage) throng(ctx context.Context, client *generativelanguage.GenerativeClient, s scene, prompt string) (g throng) {
	var mu sync.Mutex
	var calls sync.WaitGroup
	for range crowdCalls {
		calls.Go(func() {
			call := context.WithValue(gemini.WithProbe(ctx, func(e interceptor.Event) {
				if e.Outcome != interceptor.Pending && e.Gated > 0 {
					mu.Lock()
					g.held++
					mu.Unlock()
				}
			}), sceneKey{}, prompt)
			if _, err := s.call(call, client, st.model, prompt); err == nil {
				mu.Lock()
				g.answered++
				mu.Unlock()
			}
		})
		time.Sleep(crowdBeat)
	}
	calls.Wait()
	g.requests = st.requests(prompt)
	return g
}
