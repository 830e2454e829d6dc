package worlds_test

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// lifeChange is what an interceptor on the right adds to every message.
const lifeChange = "+r"

// rightAttempt notes an attempt and tells the server which it is.
func (l *lifeRun) rightAttempt(ctx context.Context) (*lifeRecord, context.Context, int) {
	rec := lifeOf(ctx)
	if rec == nil {
		return nil, ctx, 0
	}
	n := l.begin(ctx, rec)
	return rec, metadata.AppendToOutgoingContext(ctx, "call", strconv.Itoa(rec.id), "attempt", strconv.Itoa(n)), n
}

// act does what the interceptor on the right does at a place.
func (l *lifeRun) act(rec *lifeRecord, n int, at lifePlace) error {
	if rec == nil {
		return nil
	}
	l.yield()
	r := rec.right(n)
	if r.At != at || l.quiet.Load() {
		return nil
	}
	if r.Act == fails {
		return grpctest.ErrUnreachable
	}
	l.misbehave(rec, r.Act, "right", false)
	return nil
}

func (l *lifeRun) rightUnary(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	rec, ctx, n := l.rightAttempt(ctx)
	if err := l.act(rec, n, atOpen); err != nil {
		return err
	}
	err := invoker(ctx, method, changed(rec, req), reply, cc, opts...)
	if err == nil {
		change(rec, reply)
	}
	if failed := l.act(rec, n, atRecv); failed != nil {
		return failed
	}
	return err
}

func (l *lifeRun) rightStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	rec, ctx, n := l.rightAttempt(ctx)
	if err := l.act(rec, n, atOpen); err != nil {
		return nil, err
	}
	stream, err := streamer(ctx, desc, cc, method, opts...)
	if err != nil || rec == nil {
		return stream, err
	}
	return &lifeRightStream{stream, l, rec, n}, nil
}

// lifeRightStream is an attempt as the interceptor on the right passes it on.
type lifeRightStream struct {
	grpc.ClientStream
	l   *lifeRun
	rec *lifeRecord
	n   int
}

func (s *lifeRightStream) SendMsg(m any) error {
	if err := s.l.act(s.rec, s.n, atSend); err != nil {
		return err
	}
	return s.ClientStream.SendMsg(changed(s.rec, m))
}

func (s *lifeRightStream) RecvMsg(m any) error {
	if err := s.l.act(s.rec, s.n, atRecv); err != nil {
		return err
	}
	err := s.ClientStream.RecvMsg(m)
	if err == nil {
		change(s.rec, m)
	}
	return err
}

// changed returns the request as the interceptor on the right sends it.
func changed(rec *lifeRecord, req any) any {
	m, ok := req.(*testpb.StreamingOutputCallRequest)
	if rec == nil || !rec.Changes || !ok {
		return req
	}
	m = proto.Clone(m).(*testpb.StreamingOutputCallRequest) //nolint:forcetypeassert // it was one
	if m.GetPayload() != nil {
		m.Payload.Body = append(m.Payload.Body, lifeChange...)
	}
	return m
}

// change changes a reply, once it is there.
func change(rec *lifeRecord, reply any) {
	if m, ok := reply.(*testpb.StreamingOutputCallResponse); ok && rec != nil && rec.Changes && m.GetPayload() != nil {
		m.Payload.Body = append(m.Payload.Body, lifeChange...)
	}
}

// unchanged takes from a body what the interceptor on the right has added, and reports
// whether it has done so exactly once, or not at all where it does not.
func unchanged(body string, changes bool) (string, bool) {
	plain, cut := strings.CutSuffix(body, lifeChange)
	return plain, cut == changes && !strings.HasSuffix(plain, lifeChange)
}
