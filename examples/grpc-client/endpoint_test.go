package main

import (
	"testing"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
)

// TestEndpoint_threeCalls: -endpoint alone makes three calls to the service named.
func TestEndpoint_threeCalls(t *testing.T) {
	t.Parallel()
	s := newService(t, func(string, string, int) server.Step { return server.Step{} })
	got := s.run(t.Context(), 0, "-json")
	wantStatus(t, got, exit.OK)
	calls := 0
	for _, o := range objects(t, got.out) {
		if o["type"] == "call" {
			calls++
		}
	}
	if calls != 3 {
		t.Errorf("%d calls, want 3:\n%s", calls, got.out)
	}
}
