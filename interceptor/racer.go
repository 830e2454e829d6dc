package interceptor

import (
	"context"
	"time"

	"google.golang.org/grpc"
)

// racer is one of the attempts.
type racer struct {
	number     int
	place      *place
	began      time.Time
	generation uint64
	reply      any
	results    results
	err        error
	broken     any  // what an interceptor on the right has panicked with
	exited     bool // or it has ended the goroutine
}

// run makes the attempt. Whatever happens, the race is told.
func (a *racer) run(ctx context.Context, v invocation, request any, opts []grpc.CallOption, ended chan<- *racer) {
	a.exited = true
	defer func() {
		a.broken = recover()
		ended <- a
	}()
	a.err = v.do(ctx, request, a.reply, opts)
	a.exited = false
}
