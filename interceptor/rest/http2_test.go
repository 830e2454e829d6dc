package rest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// overHTTP2 are the protocols of HTTP/2 without TLS.
func overHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// TestTransport_overHTTP2: retries, lost attempts and streams are as over HTTP/1.1.
func TestTransport_overHTTP2(t *testing.T) {
	const event = "data: {}\n\n"
	inWorldOf(t, overHTTP2(), script(perMinute, overloaded), func(w *world) {
		got := w.post()
		if got.status != http.StatusOK || !slices.Equal(w.gaps(), []time.Duration{7 * time.Second, 2 * time.Second}) || w.seen[0].ProtoMajor != 2 {
			t.Errorf("got %+v after %v", got, w.gaps())
		}
	}, interceptor.WithoutGate())
	for url, attempts := range map[string]int{generate: 2, elsewhere: 1} {
		abort := func(w http.ResponseWriter, _ *http.Request, n int) {
			if n == 1 {
				panic(http.ErrAbortHandler)
			}
			say(w, http.StatusOK, good)
		}
		inWorldOf(t, overHTTP2(), abort, func(w *world) {
			if got := w.do(request(w.t, http.MethodPost, url, "x")); w.attempts() != attempts || (got.err == nil) != (attempts == 2) {
				t.Errorf("%s: %v after %d attempts, want %d", url, got.err, w.attempts(), attempts)
			}
		})
	}
	inWorldOf(t, overHTTP2(), events([]stage{{text: "data: {", cut: true}}, []stage{{text: event}, {after: time.Minute, text: event}}), func(w *world) {
		if got := w.do(request(w.t, http.MethodPost, stream, "x")); got.body != event+event || got.err != nil || w.attempts() != 2 {
			t.Errorf("got %+v after %d attempts", got, w.attempts())
		}
	})
}

// TestTransport_refusedStreams: a stream refused by the server was not processed, so that
// any request is sent again, once net/http has given up.
func TestTransport_refusedStreams(t *testing.T) {
	inWorld(t, nil, func(w *world) {
		listener := grpctest.Listen()
		const refused = 8 // by net/http: the first and 6 more, and the second attempt's first
		streams := make(chan int, 1)
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			streams <- refuse(conn, refused)
		}()
		base := &http.Transport{Protocols: overHTTP2(), DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return listener.DialContext(ctx)
		}}
		w.over(base)
		got := w.do(request(w.t, http.MethodPost, elsewhere, "x"))
		synctest.Wait() // until the connection is idle
		base.CloseIdleConnections()
		_ = listener.Close()
		e := w.last()
		if n := <-streams; got.status != http.StatusOK || n != refused+1 {
			t.Errorf("got %+v after %d streams, want 200 after %d", got, n, refused+1)
		}
		if e.Attempt != 2 || e.Failure.Class != codes.Network || e.Failure.Reach != codes.Unsent || e.Failure.Rule != "rest-refused-stream" {
			t.Errorf("%d attempts, the first %v, %v (%s)", e.Attempt, e.Failure.Class, e.Failure.Reach, e.Failure.Rule)
		}
	})
}

// refuse is a server of HTTP/2 that refuses the first streams and answers the others. It
// returns the number of streams.
func refuse(conn net.Conn, first int) (streams int) {
	defer func() { _ = conn.Close() }()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return 0
	}
	framer := http2.NewFramer(conn, conn)
	_ = framer.WriteSettings()
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return streams
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = framer.WriteSettingsAck()
			}
		case *http2.HeadersFrame:
			if streams++; streams <= first {
				_ = framer.WriteRSTStream(frame.StreamID, http2.ErrCodeRefusedStream)
				continue
			}
			status := new(block)
			_ = hpack.NewEncoder(status).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
			_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.StreamID, BlockFragment: *status, EndHeaders: true, EndStream: true})
		}
	}
}

// block is an encoded header.
type block []byte

// Write implements io.Writer.
func (b *block) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
