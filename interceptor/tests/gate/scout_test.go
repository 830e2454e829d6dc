package gate_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestGate_refusedScoutHasItsRetriesLeft: a call with one retry that was refused as a
// scout goes back to its place, and succeeds in its second attempt or its third; the
// server is told how many there were.
func TestGate_refusedScoutHasItsRetriesLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(3, grpctest.Hinted(10*time.Second))}
		conn := grpctest.Serve(t, s, retrytest.DialOptions()...)
		errs := make(chan error, 4)
		for range 4 { // the first closes the gate, and two scout while it is closed
			go func() {
				_, err := grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(1))
				errs <- err
			}()
			time.Sleep(10 * time.Millisecond)
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Errorf("got %v, want success: a scout's refusal counts as no retry", err)
			}
		}
		var told []string
		for _, md := range s.Metadata() {
			told = append(told, md["grpc-previous-rpc-attempts"]...)
		}
		slices.Sort(told)
		if got := strings.Join(told, " "); got != "1 1 1" {
			t.Errorf("the server was told of %q previous attempts, want 1 of three calls", got)
		}
		if got := s.Gaps(); got[0] > 1300*time.Millisecond || got[1] > 2600*time.Millisecond {
			t.Errorf("the attempts came %v apart, want scouts after 1 s and 2 s", got)
		}
	})
}

// TestGate_unsentScout: a call that is a scout and then is not sent says nothing of the
// server.
func TestGate_unsentScout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.Hinted(time.Minute))}
		r := interceptor.New(interceptor.WithRand(retrytest.NoSpread))
		conn := grpctest.Serve(t, s, r.DialOptions()...)
		_, _ = grpctest.CallUnary(t.Context(), conn, interceptor.MaxRetries(0))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := grpctest.CallUnary(ctx, conn, interceptor.NotRepeatable(), interceptor.WithHedge(time.Second, 2))
		if status.Code(err) != grpccodes.InvalidArgument {
			t.Fatalf("got %v, want it to say that the method is not hedged", err)
		}
		time.Sleep(10 * time.Second)
		if n := r.Gates(); n.Closed != 1 {
			t.Errorf("got %+v, want a closed gate: nothing was sent", n)
		}
	})
}
