package worlds_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// record is what happened to a call, as the server, an interceptor on the
// right, the observer and the caller have seen it.
type record struct {
	*plan
	mu      sync.Mutex
	begun   []*began
	arrived []arrival
	events  []told

	start, returned time.Time
	shown           grpctest.Shown
	reply           *testpb.SimpleResponse
	opened          bool // there was a stream
	abandoned       bool
}

// began is an attempt as the right has seen it; ended is zero for one that no
// one has read to its end.
type began struct {
	at, ended time.Time
	ctx       context.Context
}

// arrival is an attempt as the server has seen it.
type arrival struct {
	attempt  int
	previous []string
	body     string
}

// told is an event and when it came.
type told struct {
	at time.Time
	interceptor.Event
}

// recordKey is the key of a call's record in its context.
type recordKey struct{}

func recordOf(ctx context.Context) *record {
	rec, _ := ctx.Value(recordKey{}).(*record)
	return rec
}

// ends returns when the context of the call ends, if it is not over before.
func (r *record) ends() time.Time {
	end := r.start.Add(1000 * time.Hour)
	for _, d := range []time.Duration{r.deadline, r.cancel} {
		if d > 0 && r.start.Add(d).Before(end) {
			end = r.start.Add(d)
		}
	}
	return end
}

// attempts returns how many have begun.
func (r *record) attempts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.begun)
}

// run makes the calls of the world inside a bubble and checks what happened.
// It adds to the tally how calls ended and why.
func (w *world) run(t *testing.T, tally map[string]int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		budget, err := policy.NewBudget(w.config.Budget)
		if err != nil {
			t.Fatal(err)
		}
		s := &worldServer{}
		for _, p := range w.calls {
			s.records = append(s.records, &record{plan: p})
		}
		var l grpctest.Ledger
		conn := grpctest.Serve(t, s, append(interceptor.DialOptions(
			interceptor.WithConfig(w.config), interceptor.WithBudget(budget), interceptor.WithRand(func() float64 { return w.dice }),
			interceptor.WithObserver(func(ctx context.Context, e interceptor.Event) {
				rec := recordOf(ctx)
				rec.mu.Lock()
				defer rec.mu.Unlock()
				rec.events = append(rec.events, told{time.Now(), e})
			}),
		), grpc.WithChainUnaryInterceptor(rightUnary), grpc.WithChainStreamInterceptor(rightStream), grpc.WithStatsHandler(&l))...)
		conn.Connect()
		synctest.Wait()
		before := runtime.NumGoroutine()
		client := testpb.NewTestServiceClient(conn)
		var wg sync.WaitGroup
		for _, rec := range s.records {
			if !w.parallel {
				rec.make(t, client)
				continue
			}
			wg.Go(func() {
				time.Sleep(rec.plan.begin)
				rec.make(t, client)
			})
		}
		wg.Wait()
		synctest.Wait()
		if got := runtime.NumGoroutine(); got > before+5 { // the runtime may have begun one of its own
			t.Errorf("%d goroutines are left", got-before)
		}
		if begun, ended := l.Counts(); begun != ended {
			t.Errorf("%d attempts have begun and %d ended", begun, ended)
		}
		w.check(t, s.records)
		for _, rec := range s.records {
			for _, e := range rec.events {
				tally[e.Outcome.String()]++
				tally[e.Decision.Why.String()]++
			}
		}
	})
}

// make makes the call as its plan says.
func (r *record) make(t *testing.T, client testpb.TestServiceClient) {
	t.Helper()
	r.start = time.Now()
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), recordKey{}, r))
	defer cancel()
	if r.deadline > 0 {
		ctx, cancel = context.WithTimeout(ctx, r.deadline)
		defer cancel()
	}
	if r.cancel > 0 {
		defer time.AfterFunc(r.cancel, cancel).Stop()
	}
	ctx = interceptor.NewContext(ctx, r.options()...)
	if r.stream {
		r.makeStream(t, ctx, cancel, client)
		return
	}
	r.reply, r.shown.Err = client.UnaryCall(ctx, &testpb.SimpleRequest{Payload: &testpb.Payload{Body: []byte("as sent")}})
	r.returned = time.Now()
}

func (r *record) makeStream(t *testing.T, ctx context.Context, cancel func(), client testpb.TestServiceClient) { //nolint:revive // t comes first
	t.Helper()
	request := grpctest.Ask("as sent")
	stream, err := client.StreamingOutputCall(ctx, request)
	request.Payload.Body = []byte("changed later")
	if err != nil {
		r.shown.Err, r.returned = err, time.Now()
		return
	}
	r.opened = true
	if r.header {
		if r.shown.Header, err = stream.Header(); err != nil {
			t.Errorf("call %d: Header: %v", r.id, err)
		}
	}
	for {
		if len(r.shown.Bodies) == r.abandon {
			r.abandoned = true
			cancel()
			r.returned = time.Now()
			return
		}
		var body string
		body, err = grpctest.Receive(stream)
		if err != nil {
			break
		}
		r.shown.Bodies = append(r.shown.Bodies, body)
	}
	r.returned = time.Now()
	if !errors.Is(err, io.EOF) {
		r.shown.Err = err
	}
	r.useOn(t, stream, err)
}

// useOn goes on using a stream that is over.
func (r *record) useOn(t *testing.T, stream grpc.ClientStream, final error) {
	t.Helper()
	attempts := r.attempts()
	for range 3 {
		if _, err := grpctest.Receive(stream); err != final { //nolint:errorlint // the same one
			t.Errorf("call %d: RecvMsg after the end: %v, want %v", r.id, err, final)
		}
		if _, err := stream.Header(); err != nil {
			t.Errorf("call %d: Header after the end: %v", r.id, err)
		}
		if err := stream.SendMsg(grpctest.Ask("more")); err == nil || (err != io.EOF && status.Code(err) == 0) { //nolint:errorlint // grpc's own
			t.Errorf("call %d: SendMsg after the end: %v", r.id, err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Errorf("call %d: CloseSend after the end: %v", r.id, err)
		}
		_, _ = stream.Trailer(), stream.Context()
	}
	if got := r.attempts(); got != attempts || time.Now() != r.returned {
		t.Errorf("call %d: what was called after the end took %v and made %d attempts", r.id, time.Since(r.returned), got-attempts)
	}
}
