package grpctest

import (
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
)

// StreamHandler is what a test server does with an attempt of a server stream.
type StreamHandler = func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error

// ServerStream describes a server stream to grpc where no generated
// client stands between.
var ServerStream = &grpc.StreamDesc{StreamName: "StreamingOutputCall", ServerStreams: true}

// FailFirst returns a handler whose first attempts fail with the errors, one
// each, and whose later ones send the bodies and succeed.
func FailFirst(errs []error, bodies ...string) StreamHandler {
	return func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if n <= len(errs) {
			return errs[n-1]
		}
		return SendAll(out, bodies...)
	}
}

// Hang is a server that never answers, after so many failures and so many
// messages.
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

// Slowly is a server whose attempts take a second each: they fail so often,
// and then send messages, a second each, and end a second later with err.
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

// SendAll sends the bodies, a message each.
func SendAll(out testpb.TestService_StreamingOutputCallServer, bodies ...string) error {
	for _, body := range bodies {
		if err := out.Send(Chunk(body)); err != nil {
			return err
		}
	}
	return nil
}
