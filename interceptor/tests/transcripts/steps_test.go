package transcripts_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// patience is how long a stream may take here: whatever hangs ends then, and is
// seen to end then on both connections. It is no deadline, which the server would
// know and might be the first to act on.
const patience = time.Minute

// player is a caller that follows a script.
type player struct {
	conn   *grpc.ClientConn
	r      *recorder
	stream grpc.ClientStream
	cancel context.CancelFunc
	held   context.Context // taken from the stream before anything was received
	sent   int
	told   bool          // SendMsg has said that the stream is over
	beside chan struct{} // closed when the goroutine that receives has ended
}

// move is something that a caller does with its stream.
type move func(p *player)

func send(p *player) {
	p.sent++
	err := p.stream.SendMsg(grpctest.Ask("question " + string(rune('a'+p.sent%26))))
	p.told = p.told || err != nil
}

func sendPrepared(p *player) {
	var m grpc.PreparedMsg
	p.r.note("Encode: %s", outcomeOf(m.Encode(p.stream, grpctest.Ask("prepared"))))
	_ = p.stream.SendMsg(&m)
}

func recv(p *player)      { _ = p.stream.RecvMsg(grpctest.Chunk("")) }
func closeSend(p *player) { _ = p.stream.CloseSend() }
func header(p *player)    { _, _ = p.stream.Header() }
func trailer(p *player)   { _ = p.stream.Trailer() }
func cancel(p *player)    { p.cancel() }
func closeConn(p *player) { p.r.note("Close: %s", outcomeOf(p.conn.Close())) }
func hold(p *player)      { p.held = p.stream.Context() }

// lookAt looks at the context of the stream. Once SendMsg has said that it is over
// that has ended with the interceptor, which knows why, and with grpc alone it ends
// when RecvMsg has told.
func lookAt(p *player) {
	if !p.told {
		p.r.note("the stream has %s", contextOf(p.stream.Context()))
	}
}

func lookAtHeld(p *player) {
	if !p.told {
		p.r.note("the context that was taken first: %s", contextOf(p.held))
	}
}

func cancelLater(p *player) { time.AfterFunc(10*time.Second, p.cancel) }
func pause(p *player)       { time.Sleep(2 * patience) } //nolint:revive // a move

// recvAll receives to the end, and twice more.
func recvAll(p *player) {
	for range 50 {
		if err := p.stream.RecvMsg(grpctest.Chunk("")); err != nil {
			break
		}
	}
	recv(p)
	recv(p)
}

// recvBeside receives to the end while the script goes on.
func recvBeside(p *player) {
	p.beside = make(chan struct{})
	go func() {
		defer close(p.beside)
		recvAll(p)
	}()
}

// sendUntilTold sends until SendMsg says that there is no point.
func sendUntilTold(p *player) {
	const bound = 100
	for n := range bound {
		if err := p.stream.SendMsg(grpctest.Ask("one of many")); err != nil {
			p.r.note("told after %d messages", n)
			return
		}
		synctest.Wait() // the server, or its end, gets here
	}
	p.r.note("not told after %d messages", bound)
}

// steps joins steps.
func steps(all ...move) []move { return all }

// playStream makes a stream of a kind, and does with it what the script says. Everything
// settles between two steps: what the next one finds is then the same each time.
func playStream(t *testing.T, kind grpctest.Kind, conn *grpc.ClientConn, r *recorder, script []move, opts ...grpc.CallOption) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	defer time.AfterFunc(patience, stop).Stop()
	p := &player{conn: conn, r: r, cancel: stop}
	var err error
	if p.stream, err = conn.NewStream(ctx, &kind.Desc, "/test.Odd/Call", opts...); err != nil {
		return
	}
	for _, do := range script {
		synctest.Wait()
		do(p)
	}
	if p.beside != nil {
		<-p.beside
	}
	stop()
	time.Sleep(2 * time.Second) // the server stays a second longer
	synctest.Wait()
}

// results are the call options with which a caller gets what it does not ask the
// stream for.
type results struct {
	header, trailer metadata.MD
	peer            peer.Peer
}

// options returns them. What OnFinish is called with is noted when it is.
func (o *results) options(r *recorder) []grpc.CallOption {
	return []grpc.CallOption{
		grpc.Header(&o.header), grpc.Trailer(&o.trailer), grpc.Peer(&o.peer),
		grpc.OnFinish(func(err error) { r.note("OnFinish: %s", outcomeOf(err)) }),
	}
}

// note writes down what is in the variables.
func (o *results) note(r *recorder) {
	r.note("options: header %s, trailer %s, peer %v", metadataOf(o.header), metadataOf(o.trailer), o.peer.Addr)
}
