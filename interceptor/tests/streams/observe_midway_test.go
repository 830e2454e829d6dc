package streams_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestStream_aFailureMidwayIsLogged: of the first attempt too, of which
// nothing else has been kept. It is the caller's to report.
func TestStream_aFailureMidwayIsLogged(t *testing.T) {
	const fields = " | protocol=grpc | grpc.component=client | grpc.service=grpc.testing.TestService | grpc.method=StreamingOutputCall | grpc.code=Unavailable | retry.class=Server" +
		" | retry.rule=overloaded | retry.why=committed | retry.attempt=1 | retry.wait=0s | retry.elapsed=0s | retry.reach=Lost"
	var j retrytest.Journal
	s := &grpctest.Server{Stream: grpctest.Slowly(0, 1, grpctest.ErrOverloaded)}
	retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithLogger(&j)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		bodies, err := grpctest.Drain(stream)
		if _, again := grpctest.Receive(stream); len(bodies) != 1 || !retrytest.Untouched(err) || again != err { //nolint:errorlint // the same one
			t.Errorf("got %q, then %v and %v, want a message and the server's error untouched", bodies, err, again)
		}
		const advice = ": interceptor.WithResume can go on from what has arrived"
		want := []string{"DEBUG [RETRY] Server: not retried after attempt 1 of " + grpctest.StreamMethod + " (committed)" + advice + fields}
		if diff := cmp.Diff(want, j.Lines); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
		j.Lines = nil // the advice is given once
		_, _ = grpctest.Drain(grpctest.Open(t, t.Context(), conn))
		if want := "DEBUG [RETRY] Server: not retried after attempt 1 of " + grpctest.StreamMethod + " (committed)" + fields; len(j.Lines) != 1 || j.Lines[0] != want {
			t.Errorf("got lines %q, want %q", j.Lines, want)
		}
	})
}
