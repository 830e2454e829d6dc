package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// A text that breaks off goes on in another answer, to which the first part is
// quoted in a new turn of the user: newer models refuse a request that ends with a
// turn of the model.
func ExampleWithResume() {
	goOn := func(_ context.Context, i interceptor.Interrupted) (proto.Message, bool) {
		var partial strings.Builder
		for _, m := range i.All {
			partial.WriteString(textIn(m.(*pb.GenerateContentResponse)))
		}
		next := i.Request.(*pb.GenerateContentRequest)
		next.Contents = append(next.Contents, turn("user",
			"Your answer was cut off. Go on exactly after these words, without repeating them: "+partial.String()))
		return next, true
	}

	words := strings.SplitAfter("Blue light is scattered more than red.", " ")
	server := &gemini{stream: func(n int, in *pb.GenerateContentRequest, out pb.GenerativeService_StreamGenerateContentServer) error {
		if n == 1 {
			_, _ = out.Send(said(words[0], 0)), out.Send(said(words[1], 0))
			return grpctest.ErrOverloaded
		}
		turns := in.GetContents()
		fmt.Printf("server: %q\n", turns[len(turns)-1].GetParts()[0].GetText())
		for _, word := range words[2:] {
			_ = out.Send(said(word, 0))
		}
		return nil
	}}
	client, stop := connectGemini(server, interceptor.WithResume(goOn, interceptor.KeepAll()))
	defer stop()
	stream, err := client.StreamGenerateContent(context.Background(), &pb.GenerateContentRequest{
		Contents: []*pb.Content{turn("user", "Why is the sky blue?")},
	})
	for err == nil {
		var m *pb.GenerateContentResponse
		if m, err = stream.Recv(); err == nil {
			fmt.Printf("client: %q\n", textIn(m))
		}
	}
	fmt.Println("client:", err)
	// Output:
	// client: "Blue "
	// client: "light "
	// server: "Your answer was cut off. Go on exactly after these words, without repeating them: Blue light "
	// client: "is "
	// client: "scattered "
	// client: "more "
	// client: "than "
	// client: "red."
	// client: EOF
}

// A read of a range is resumed at the byte that is missing: no byte twice, none
// lost.
func ExampleWithResume_range() {
	content, cuts := "no byte twice, none lost", 3
	server := grpc.NewServer()
	testpb.RegisterTestServiceServer(server, &storage{read: func(offset int, send func(string)) error {
		fmt.Println("read from", offset)
		for ; offset < len(content); offset += 4 {
			if offset%8 == 4 && cuts > 0 {
				cuts--
				send(content[offset : offset+4])
				return grpctest.ErrOverloaded
			}
			send(content[offset : offset+4])
		}
		return nil
	}})
	conn, stop := connectAtOnce(server)
	defer stop()

	var got strings.Builder
	resume := interceptor.WithResume(func(context.Context, interceptor.Interrupted) (proto.Message, bool) {
		return rangeFrom(got.Len()), true
	})
	stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(context.Background(), rangeFrom(0), resume)
	for err == nil {
		var m *testpb.StreamingOutputCallResponse
		if m, err = stream.Recv(); err == nil {
			got.Write(m.GetPayload().GetBody())
		}
	}
	fmt.Println(got.String(), err)
	// Output:
	// read from 0
	// read from 8
	// read from 16
	// read from 24
	// no byte twice, none lost EOF
}

// storage is a server that reads an object from an offset.
type storage struct {
	testpb.UnimplementedTestServiceServer
	read func(offset int, send func(string)) error
}

func rangeFrom(offset int) *testpb.StreamingOutputCallRequest {
	return grpctest.Ask(strconv.Itoa(offset))
}

func (s *storage) StreamingOutputCall(in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
	offset, err := strconv.Atoi(string(in.GetPayload().GetBody()))
	if err != nil {
		return err
	}
	return s.read(offset, func(body string) { _ = out.Send(grpctest.Chunk(body)) })
}

// What a function is told of a stream that broke.
func ExampleInterrupted() {
	server := &gemini{stream: func(_ int, _ *pb.GenerateContentRequest, out pb.GenerativeService_StreamGenerateContentServer) error {
		_, _ = out.Send(said("a", 0)), out.Send(said("b", 0))
		return grpctest.ErrOverloaded
	}}
	client, stop := connectGemini(server, interceptor.WithResume(func(_ context.Context, i interceptor.Interrupted) (proto.Message, bool) {
		fmt.Println(i.Delivered, textIn(i.Last.(*pb.GenerateContentResponse)), i.All, interceptor.FailureOf(i.Err).Class)
		return nil, false
	}))
	defer stop()
	stream, err := client.StreamGenerateContent(context.Background(), &pb.GenerateContentRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	// Output: 2 b [] Server
}

// KeepAll is for functions that need more than the last message.
func ExampleKeepAll() {
	resume := interceptor.WithResume(func(_ context.Context, i interceptor.Interrupted) (proto.Message, bool) {
		fmt.Println(len(i.All), "of", i.Delivered)
		return nil, false // the stream cannot go on
	}, interceptor.KeepAll())
	server := &gemini{stream: func(_ int, _ *pb.GenerateContentRequest, out pb.GenerativeService_StreamGenerateContentServer) error {
		_, _ = out.Send(said("a", 0)), out.Send(said("b", 0))
		return grpctest.ErrOverloaded
	}}
	client, stop := connectGemini(server, resume)
	defer stop()
	stream, err := client.StreamGenerateContent(context.Background(), &pb.GenerateContentRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	fmt.Println(errors.Is(err, io.EOF))
	// Output:
	// 2 of 2
	// false
}
