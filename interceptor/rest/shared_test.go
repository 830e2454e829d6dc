package rest_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// TestTransport_sharesGateWithGRPC: a refusal over gRPC holds the calls over REST, and the
// other way round, where both have the name of one quota, and nowhere else.
func TestTransport_sharesGateWithGRPC(t *testing.T) {
	const hint = 7 * time.Second // that of perMinute too
	for name, tt := range map[string]struct {
		opts   []interceptor.Option
		shared bool
	}{
		"one name": {[]interceptor.Option{interceptor.WithQuotaName("flash")}, true},
		"no name":  {nil, false},
	} {
		for _, first := range []string{"gRPC", "REST"} {
			t.Run(name+", first "+first, func(t *testing.T) {
				began := time.Time{}
				refused := func(over string) bool { return over == first && time.Since(began) < hint }
				answer := func(w http.ResponseWriter, _ *http.Request, _ int) {
					if refused("REST") {
						say(w, http.StatusTooManyRequests, perMinute)
						return
					}
					say(w, http.StatusOK, good)
				}
				inWorld(t, answer, func(w *world) {
					began = time.Now()
					server := &grpctest.Server{Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
						if refused("gRPC") {
							return nil, grpctest.Hinted(hint)
						}
						return &testpb.SimpleResponse{}, nil
					}}
					conn := grpctest.Serve(w.t, server, w.r.DialOptions()...)
					overGRPC := func(ctx context.Context) error { return grpctest.CallUnaryOnce(ctx, conn) }
					overREST := func(ctx context.Context) error {
						return w.do(request(w.t, http.MethodPost, generate, "x").WithContext(ctx)).err //nolint:contextcheck // it gets ctx
					}
					closes, next := overGRPC, overREST
					if first == "REST" {
						closes, next = overREST, overGRPC
					}
					soon, cancel := context.WithTimeout(w.t.Context(), time.Second)
					defer cancel()
					_ = closes(soon) // does not wait
					if g := w.r.Gates(); g.Closed != 1 {
						w.t.Fatalf("got %+v, want a closed gate", g)
					}
					err := next(w.t.Context())
					if took := time.Since(began); err != nil || (took >= hint) != tt.shared {
						w.t.Errorf("got %v after %v, want a wait for the other: %v", err, took, tt.shared)
					}
				}, tt.opts...)
			})
		}
	}
}
