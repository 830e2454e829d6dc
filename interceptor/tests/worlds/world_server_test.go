package worlds_test

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// begin notes an attempt, and tells the server which it is.
func (r *record) begin(ctx context.Context) (context.Context, *began, step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.begun)
	b := &began{at: time.Now(), ctx: ctx}
	r.begun = append(r.begun, b)
	return metadata.AppendToOutgoingContext(ctx, "call", strconv.Itoa(r.id), "attempt", strconv.Itoa(n)), b, r.step(n)
}

func (r *record) end(b *began) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if b.ended.IsZero() {
		b.ended = time.Now()
	}
}

func rightUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	rec := recordOf(ctx)
	ctx, b, step := rec.begin(ctx)
	defer rec.end(b)
	if step.refused {
		return grpctest.Finished(opts, step.end.Err())
	}
	return invoker(ctx, method, req, reply, cc, opts...)
}

func rightStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	rec := recordOf(ctx)
	ctx, b, step := rec.begin(ctx)
	if step.refused {
		rec.end(b)
		return nil, step.end.Err()
	}
	stream, err := streamer(ctx, desc, cc, method, opts...)
	if err != nil {
		rec.end(b)
		return nil, err
	}
	return &watchedStream{stream, rec, b}, nil
}

// watchedStream notes when the attempt ends.
type watchedStream struct {
	grpc.ClientStream
	rec *record
	b   *began
}

func (s *watchedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		s.rec.end(s.b)
	}
	return err
}

// worldServer does with every attempt what its plan says.
type worldServer struct {
	testpb.UnimplementedTestServiceServer
	records []*record
}

// arrive notes an attempt and returns what is to become of it.
func (s *worldServer) arrive(ctx context.Context, body string) (n int, todo step) {
	md, _ := metadata.FromIncomingContext(ctx)
	id, _ := strconv.Atoi(md["call"][0])
	n, _ = strconv.Atoi(md["attempt"][0])
	rec := s.records[id]
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.arrived = append(rec.arrived, arrival{n, md["grpc-previous-rpc-attempts"], body})
	return n, rec.step(n)
}

func (s *worldServer) UnaryCall(ctx context.Context, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	n, todo := s.arrive(ctx, string(in.GetPayload().GetBody()))
	grpctest.Snooze(ctx, todo.delay)
	if todo.header {
		_ = grpc.SendHeader(ctx, nil)
	}
	_ = grpc.SetTrailer(ctx, metadata.MD{"grpc-retry-pushback-ms": todo.pushback})
	if todo.end != nil {
		return nil, todo.end.Err()
	}
	return &testpb.SimpleResponse{Username: grpctest.Tag(n, 0)}, nil
}

func (s *worldServer) StreamingOutputCall(in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
	n, todo := s.arrive(out.Context(), string(in.GetPayload().GetBody()))
	grpctest.Snooze(out.Context(), todo.delay)
	header := metadata.Pairs("attempt", grpctest.Tag(n, 0))
	switch {
	case todo.header:
		_ = out.SendHeader(header)
	case todo.end == nil || todo.messages > 0: // else it would be sent ahead of the status
		_ = out.SetHeader(header)
	}
	out.SetTrailer(metadata.MD{"grpc-retry-pushback-ms": todo.pushback})
	for i := range todo.messages {
		if err := out.Send(grpctest.Chunk(grpctest.Tag(n, i))); err != nil {
			return err
		}
		grpctest.Snooze(out.Context(), todo.delay)
	}
	return todo.end.Err()
}
