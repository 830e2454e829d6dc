package grpctest

import (
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
)

// Kind is a kind of method, as described by the client.
type Kind struct {
	Name string
	Desc grpc.StreamDesc
}

// HasOneReply reports whether the server sends a single reply.
func (k Kind) HasOneReply() bool { return !k.Desc.ServerStreams }

// Kinds are the four kinds. The first is a unary call made as a stream, by code with
// streams only: a proxy, or generated code of another language's making.
var Kinds = []Kind{
	{"unary", grpc.StreamDesc{}},
	{"server", grpc.StreamDesc{ServerStreams: true}},
	{"client", grpc.StreamDesc{ClientStreams: true}},
	{"bidi", grpc.StreamDesc{ServerStreams: true, ClientStreams: true}},
}

// ServeRaw is Connect for a server without generated code: handle answers every method.
// n is the number of the attempt, counted from 1.
func ServeRaw(tb testing.TB, handle func(n int, stream grpc.ServerStream) error, dial []grpc.DialOption, server ...grpc.ServerOption) *grpc.ClientConn {
	tb.Helper()
	var mu sync.Mutex
	n := 0
	handler := func(_ any, stream grpc.ServerStream) error {
		mu.Lock()
		n++
		attempt := n
		mu.Unlock()
		return handle(attempt, stream)
	}
	srv := grpc.NewServer(append(server, grpc.UnknownServiceHandler(handler))...)
	return Connect(tb, srv, dial...)
}

// OpenRaw opens a stream of any kind to a raw server.
func OpenRaw(t *testing.T, conn *grpc.ClientConn, desc grpc.StreamDesc, opts ...grpc.CallOption) grpc.ClientStream {
	t.Helper()
	stream, err := conn.NewStream(t.Context(), &desc, "/test.Raw/Call", opts...)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// ReadAll reads the client's messages until the client closes its side, and returns the
// bodies, separated by commas.
func ReadAll(stream grpc.ServerStream) string {
	var bodies []string
	for {
		in := new(testpb.StreamingOutputCallRequest)
		if err := stream.RecvMsg(in); err != nil {
			return strings.Join(bodies, ", ")
		}
		bodies = append(bodies, string(in.GetPayload().GetBody()))
	}
}

// OddHeader returns a header with a repeated key and a binary key.
func OddHeader() metadata.MD {
	return metadata.Pairs("shelf", "top", "shelf", "bottom", "raw-bin", "\x00\xff")
}
