package grpctest

import (
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
)

// StreamHandler answers an attempt of a server stream. n is the number of the attempt,
// counted from 1.
type StreamHandler = func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error

// ServerStream describes a server stream to grpc, for calls without a generated client.
var ServerStream = &grpc.StreamDesc{StreamName: "StreamingOutputCall", ServerStreams: true}

// FailFirst returns a handler failing the first attempts, attempt n with the nth error.
// Later attempts send the bodies and succeed.
func FailFirst(errs []error, bodies ...string) StreamHandler {
	return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if n <= len(errs) {
			return errs[n-1]
		}
		return SendAll(out, bodies...)
	}
}

// Hang returns a handler failing the first attempts with ErrOverloaded. Later attempts send
// so many messages, and then nothing until the client gives up.
func Hang(failures, messages int) StreamHandler {
	return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if n <= failures {
			return ErrOverloaded
		}
		for range messages {
			if err := out.Send(Chunk("one")); err != nil {
				return err
			}
		}
		<-out.Context().Done()
		return out.Context().Err()
	}
}

// Slowly returns a handler failing the first attempts with ErrOverloaded, each after a
// second. Later attempts wait a second, send the messages with a wait of a second after
// each, and end with err.
func Slowly(failures, messages int, err error) StreamHandler {
	return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		Snooze(out.Context(), time.Second)
		if n <= failures {
			return ErrOverloaded
		}
		for range messages {
			if err := out.Send(Chunk("one")); err != nil {
				return err
			}
			Snooze(out.Context(), time.Second)
		}
		return err
	}
}

// SendAll sends each body as a message.
func SendAll(out testpb.TestService_StreamingOutputCallServer, bodies ...string) error {
	for _, body := range bodies {
		if err := out.Send(Chunk(body)); err != nil {
			return err
		}
	}
	return nil
}
