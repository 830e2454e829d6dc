package worlds_test

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/interceptor"
)

// elsewhere is a connection that is another one by its type.
type elsewhere struct{ grpc.ClientConnInterface }

// targets are the places of the call, named by their number.
func (l *lifeRun) targets(rec *lifeRecord) []interceptor.Target {
	var all []interceptor.Target
	for i, plan := range rec.Targets {
		t := interceptor.Target{Name: fmt.Sprint("place ", i), Adapt: func(ctx context.Context, req any) (context.Context, any, bool) {
			if l.hook(ctx, rec, plan.Adapt, "WithTargets") != nil {
				return ctx, req, false
			}
			if plan.Adapt == wrong && req != nil {
				req = &testpb.Empty{}
			}
			return metadata.AppendToOutgoingContext(ctx, "x-goog-request-params", fmt.Sprint("model=", i)), req, true
		}}
		if plan.Conn {
			t.Conn = elsewhere{l.conn}
		}
		all = append(all, t)
	}
	return all
}
