package connections_test

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// unprocessing is a server that refuses every stream as not processed, after response
// headers or without them. It counts the streams.
func unprocessing(t *testing.T, headers bool, streams *atomic.Int32) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's listener
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lis.Close() })
	var block bytes.Buffer
	enc := hpack.NewEncoder(&block)
	for _, f := range []hpack.HeaderField{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"}} {
		if err := enc.WriteField(f); err != nil {
			t.Fatal(err)
		}
	}
	serve := func(conn net.Conn) {
		defer func() { _ = conn.Close() }()
		if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
			return
		}
		framer := http2.NewFramer(conn, conn)
		_ = framer.WriteSettings()
		for {
			frame, err := framer.ReadFrame()
			if err != nil {
				return
			}
			switch f := frame.(type) {
			case *http2.SettingsFrame:
				if !f.IsAck() {
					_ = framer.WriteSettingsAck()
				}
			case *http2.HeadersFrame:
				streams.Add(1)
				if headers {
					_ = framer.WriteHeaders(http2.HeadersFrameParam{StreamID: f.StreamID, BlockFragment: block.Bytes(), EndHeaders: true})
				}
				_ = framer.WriteRSTStream(f.StreamID, http2.ErrCodeRefusedStream)
			}
		}
	}
	go func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return lis.Addr().String()
}

// TestUnprocessed_afterHeaders: what a server says of a stream that it has begun to
// answer is no proof that it did not process it. A unary call cannot see the headers of
// its first attempt, and stops at the second.
func TestUnprocessed_afterHeaders(t *testing.T) {
	table := policy.Default()
	table[codes.Network].Base, table[codes.Network].Max = time.Millisecond, time.Millisecond
	for _, c := range []struct {
		name           string
		headers        bool
		unary, streams int32 // of grpc itself, which makes two of every attempt
	}{
		{"before headers", false, 12, 12},
		{"after headers", true, 4, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var streams atomic.Int32
			conn, err := grpc.NewClient("passthrough:///"+unprocessing(t, c.headers, &streams), append(
				interceptor.DialOptions(interceptor.WithTable(table), interceptor.NotRepeatable()),
				grpc.WithTransportCredentials(insecure.NewCredentials()))...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			client := testpb.NewTestServiceClient(conn)
			_, err = client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
			if n := streams.Swap(0); n != c.unary {
				t.Errorf("a unary call made %d streams, want %d: %v", n, c.unary, err)
			}
			s, err := client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{})
			if err == nil {
				_, err = s.Recv()
			}
			if n := streams.Load(); n != c.streams {
				t.Errorf("a server stream made %d streams, want %d: %v", n, c.streams, err)
			}
		})
	}
}
