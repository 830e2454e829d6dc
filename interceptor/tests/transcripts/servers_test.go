package transcripts_test

import (
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// errRefused is a failure that no table retries. It has details.
var errRefused = withDetails(grpccodes.InvalidArgument, "no such model")

// errBusy is one that the default table retries.
var errBusy = withDetails(grpccodes.Unavailable, "The model is overloaded. Please try again later.")

func withDetails(code grpccodes.Code, message string) error {
	st, err := status.New(code, message).WithDetails(&errdetails.DebugInfo{Detail: "seen by the server"})
	if err != nil {
		return err
	}
	return st.Err()
}

// oddServer is a way to handle a stream of any kind. fault is what it fails with,
// if it does.
type oddServer struct {
	name   string
	handle func(stream grpc.ServerStream, fault error) error
	// replies says that it may send more than one reply. Where there should be one,
	// grpc alone reports that once, and then goes on as if nothing had happened; we
	// go on reporting it.
	replies bool
}

// oddServers fail, or do not, at every point that a client can tell from others.
var oddServers = []oddServer{
	{name: "fails at once", handle: func(_ grpc.ServerStream, fault error) error { return fault }},
	{name: "fails at once with a trailer", handle: func(stream grpc.ServerStream, fault error) error {
		setTrailer(stream)
		return fault
	}},
	{name: "fails after a request", handle: func(stream grpc.ServerStream, fault error) error {
		_ = stream.RecvMsg(grpctest.Ask(""))
		setTrailer(stream)
		return fault
	}},
	{name: "fails after all requests", handle: func(stream grpc.ServerStream, fault error) error {
		grpctest.ReadAll(stream)
		return fault
	}},
	{name: "fails after its header", handle: func(stream grpc.ServerStream, fault error) error {
		_ = stream.SendHeader(grpctest.OddHeader())
		_ = stream.RecvMsg(grpctest.Ask(""))
		setTrailer(stream)
		return fault
	}},
	{name: "fails after a reply", handle: func(stream grpc.ServerStream, fault error) error {
		_ = stream.SendHeader(grpctest.OddHeader())
		_ = stream.RecvMsg(grpctest.Ask(""))
		_ = stream.SendMsg(grpctest.Chunk("one"))
		setTrailer(stream)
		return fault
	}},
	{name: "fails after a reply that nobody asked for", handle: func(stream grpc.ServerStream, fault error) error {
		_ = stream.SendMsg(grpctest.Chunk("one"))
		return fault
	}},
	{name: "answers once it has everything", handle: func(stream grpc.ServerStream, _ error) error {
		_ = stream.SetHeader(grpctest.OddHeader())
		setTrailer(stream)
		return stream.SendMsg(grpctest.Chunk(grpctest.ReadAll(stream)))
	}},
	{name: "answers and goes before it has everything", handle: func(stream grpc.ServerStream, _ error) error {
		_ = stream.RecvMsg(grpctest.Ask(""))
		setTrailer(stream)
		return stream.SendMsg(grpctest.Chunk("early"))
	}},
	{name: "answers each request", handle: func(stream grpc.ServerStream, _ error) error {
		setTrailer(stream)
		for {
			in := grpctest.Ask("")
			if err := stream.RecvMsg(in); err != nil {
				return nil // that was the last
			}
			if err := stream.SendMsg(grpctest.Chunk(string(in.GetPayload().GetBody()))); err != nil {
				return err
			}
		}
	}, replies: true},
	{name: "answers twice", handle: func(stream grpc.ServerStream, _ error) error {
		_ = stream.RecvMsg(grpctest.Ask(""))
		_ = stream.SendMsg(grpctest.Chunk("one"))
		return stream.SendMsg(grpctest.Chunk("two"))
	}, replies: true},
	{name: "has nothing to say", handle: func(stream grpc.ServerStream, _ error) error {
		setTrailer(stream)
		return nil
	}},
	{name: "hangs", handle: hangUp},
	{name: "hangs after its header", handle: func(stream grpc.ServerStream, fault error) error {
		_ = stream.SendHeader(grpctest.OddHeader())
		return hangUp(stream, fault)
	}},
	{name: "hangs after a reply", handle: func(stream grpc.ServerStream, fault error) error {
		_ = stream.RecvMsg(grpctest.Ask(""))
		_ = stream.SendMsg(grpctest.Chunk("one"))
		return hangUp(stream, fault)
	}},
}

// hangUp stays until the client has gone, and longer: so the server's deadline,
// which is at the same time as the client's, is never what the client sees.
func hangUp(stream grpc.ServerStream, _ error) error {
	<-stream.Context().Done()
	time.Sleep(time.Second)
	return nil
}

func setTrailer(stream grpc.ServerStream) {
	stream.SetTrailer(metadata.Pairs("cost", "12", "raw-bin", "\x01"))
}
