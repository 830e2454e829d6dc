package codes_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// peer is one connection of a server written by hand, frame by frame, that
// does what no well-behaved server can be made to do.
type peer struct {
	*http2.Framer
	conn net.Conn
}

// frames runs such a server on loopback. For each request, as soon as its
// headers are there, it calls answer on the connection's own goroutine; false
// ends the connection.
func frames(t *testing.T, answer func(p *peer, stream uint32) bool) string {
	t.Helper()
	lis := listen(t)
	go func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			go converse(conn, answer)
		}
	}()
	return lis.Addr().String()
}

func converse(conn net.Conn, answer func(p *peer, stream uint32) bool) {
	defer func() { _ = conn.Close() }()
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	p := &peer{Framer: http2.NewFramer(conn, conn), conn: conn}
	if p.WriteSettings() != nil {
		return
	}
	for {
		frame, err := p.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() && p.WriteSettingsAck() != nil {
				return
			}
		case *http2.HeadersFrame:
			if !answer(p, frame.StreamID) {
				return
			}
		}
	}
}

// headers writes response headers, given as pairs.
func (p *peer) headers(stream uint32, end bool, pairs ...string) bool {
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]}); err != nil {
			return false
		}
	}
	return p.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: end,
	}) == nil
}

// reset ends the connection with a TCP reset instead of an orderly close.
func (p *peer) reset() {
	if tcp, ok := p.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
