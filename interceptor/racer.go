package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// racer is one attempt of a race.
type racer struct {
	number     int
	place      *place
	began      time.Time
	generation uint64
	reply      any
	results    results
	err        error
	broken     any  // the value of a panic on the right
	exited     bool // the goroutine ended before the attempt returned
}

// run makes the attempt. It reports to the race even after a panic or runtime.Goexit.
func (a *racer) run(ctx context.Context, v invocation, request any, opts []grpc.CallOption, ended chan<- *racer) {
	a.exited = true
	defer func() {
		a.broken = recover()
		ended <- a
	}()
	a.err = v.do(ctx, request, a.reply, opts)
	a.exited = false
}
