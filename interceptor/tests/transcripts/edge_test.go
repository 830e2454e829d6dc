package transcripts_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// scripts are what a caller can do with a stream, much of it not what a careful
// one would.
var scripts = []struct {
	name  string
	steps []move
}{
	{"asks, reads on after the end and goes on", steps(
		send, closeSend, recvAll, lookAt, header, trailer, closeSend, closeSend, send, recv, header, trailer, lookAt)},
	{"asks for the header first", steps(send, closeSend, header, lookAt, recvAll, header, trailer)},
	{"asks for the header before it sends anything", steps(header, header, send, closeSend, recvAll, header)},
	{"asks for the header alone", steps(send, closeSend, header, trailer, lookAt)},
	{"takes the context first", steps(hold, lookAtHeld, send, closeSend, recv, lookAtHeld, recvAll, lookAtHeld)},
	{"looks at the context at every step", steps(lookAt, send, lookAt, closeSend, lookAt, recv, lookAt, recvAll, lookAt)},
	{"sends several", steps(send, send, send, closeSend, recvAll, send)},
	{"sends after it has closed", steps(send, closeSend, send, recvAll, header, trailer)},
	{"closes twice", steps(send, closeSend, closeSend, recvAll)},
	{"closes without sending", steps(closeSend, recvAll, header)},
	{"sends and receives in turn", steps(send, recv, send, recv, send, recv, closeSend, recvAll)},
	{"receives beside", steps(recvBeside, send, send, send, closeSend)},
	{"receives beside and sends late", steps(recvBeside, send, lookAt, send, closeSend, closeSend, send)},
	{"never closes", steps(send, recvAll, send, trailer)},
	{"sends until it is told", steps(sendUntilTold, recvAll, header, trailer, sendUntilTold)},
	{"sends until it is told, and another receives", steps(recvBeside, sendUntilTold, closeSend)},
	{"receives before it sends, and is cancelled", steps(cancelLater, recv, send, closeSend, recvAll, header, trailer)},
	{"asks for the header, and is cancelled", steps(cancelLater, header, recvAll, header, trailer)},
	{"is cancelled at once", steps(cancel, send, closeSend, recvAll, header, trailer, lookAt)},
	{"is cancelled midway", steps(send, cancel, send, closeSend, recvAll, header, trailer)},
	{"is cancelled after a reply", steps(send, recv, cancel, send, recvAll, header, trailer, lookAt)},
	{"is away when it is cancelled", steps(send, pause, lookAt, send, closeSend, recvAll, header, trailer)},
	{"is away after a reply when it is cancelled", steps(send, closeSend, recv, pause, recvAll, header, trailer, lookAt)},
	{"loses its connection at once", steps(closeConn, send, closeSend, recvAll, header, trailer, lookAt)},
	{"loses its connection midway", steps(send, closeSend, closeConn, recvAll, header, trailer, lookAt)},
	{"loses its connection after a reply", steps(send, recv, closeConn, send, recvAll, header, trailer, lookAt)},
	{"loses its connection while it receives", steps(recvBeside, send, closeConn, send, closeSend, lookAt)},
	{"sends a prepared message", steps(sendPrepared, closeSend, recvAll, header, trailer)},
	{"sends a prepared message second", steps(send, sendPrepared, closeSend, recvAll)},
	{"goes away", steps()},
	{"sends and goes away", steps(send)},
}

// installs are ways to have the interceptor that must not be noticed.
var installs = []struct {
	name    string
	options []interceptor.Option
	fault   error
}{
	{"as it comes", nil, errRefused},
	{"observed", []interceptor.Option{interceptor.WithObserver(func(context.Context, interceptor.Event) {})}, errRefused},
	{"disabled", []interceptor.Option{interceptor.Disable()}, errBusy},
}

// TestTranscript_edges plays every script on a stream of every kind against
// every server. With the race detector, to which thousands of bubbles are a burden,
// it plays some; make test plays all without it.
func TestTranscript_edges(t *testing.T) {
	n := 0
	for _, install := range installs {
		for _, kind := range grpctest.Kinds {
			for _, server := range oddServers {
				for _, script := range scripts {
					if kind.HasOneReply() && server.replies {
						continue
					}
					if n++; grpctest.RaceEnabled && n%11 != 0 {
						continue
					}
					t.Run(install.name+"/"+kind.Name+"/"+server.name+"/"+script.name, func(t *testing.T) {
						s := scenario{connect: handling(func(_ int, stream grpc.ServerStream) error { return server.handle(stream, install.fault) })}
						s.use = func(t *testing.T, conn *grpc.ClientConn, r *recorder) {
							t.Helper()
							playStream(t, kind, conn, r, script.steps)
						}
						s.compare(t, install.options...)
					})
				}
			}
		}
	}
}
