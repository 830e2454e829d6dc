package targets_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// read reads a server stream of model a, and returns what has answered, and the end.
func (p *program) read(opts ...grpc.CallOption) (models []string, took time.Duration, err error) {
	began := time.Now()
	in := &testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte("a")}}
	stream, err := testpb.NewTestServiceClient(p.conn).StreamingOutputCall(withModel(p.Context(), "a"), in, opts...)
	for err == nil {
		var chunk *testpb.StreamingOutputCallResponse
		if chunk, err = stream.Recv(); err == nil {
			models = append(models, string(chunk.GetPayload().GetBody()))
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return models, time.Since(began), err
}

// wantRead reads a stream and fails the test unless model answers after took.
func (p *program) wantRead(model string, took time.Duration) {
	p.Helper()
	got, after, err := p.read()
	if err != nil || len(got) != 1 || got[0] != model || after != took {
		p.Errorf("got %q after %v, %v: want %q after %v", got, after, err, model, took)
	}
}

// TestTargets_serverStream: a stream moves as a unary call does, until it is committed; the
// first message is adapted both where the stream moves and where it begins at a target.
func TestTargets_serverStream(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{"a": h.until(38*time.Second, grpctest.Hinted(38*time.Second)), "b": first(grpctest.ErrOverloaded)}
	run(t, h, func(p *program) {
		p.wantRead("c", 2*time.Second) // a is refused, and b is in trouble
		p.wantRead("b", 0)             // the gate of a is closed
		p.wantRequests("a1 b2 c1")
		time.Sleep(time.Minute)
		p.wantRead("a", 0)
	})
}

// TestTargets_firstMessage: a stream that begins at a target, whose first message the
// target cannot take, goes on to the next.
func TestTargets_firstMessage(t *testing.T) {
	h := &house{}
	h.answers = map[string]func(int) error{"a": h.until(10*time.Second, grpctest.Hinted(10*time.Second))}
	picky := to("b")
	adapt := picky.Adapt
	picky.Adapt = func(ctx context.Context, req any) (context.Context, any, bool) {
		ctx, req, ok := adapt(ctx, req)
		return ctx, req, ok && req == nil
	}
	run(t, h, func(p *program) {
		p.want("c", 0)
		p.wantRead("c", 0)
		p.wantRequests("a1 b0 c2")
	}, interceptor.WithTargets(picky, to("c")), byModel)
	h.requests = nil
	run(t, h, func(p *program) {
		p.want("a", 10*time.Second)
		p.wantRequests("a2 b0 c0")
	}, interceptor.WithTargets(picky), byModel)
}

// TestTargets_committedStream: a stream that has shown something does not move, and
// resumes where it was.
func TestTargets_committedStream(t *testing.T) {
	for name, c := range map[string]struct {
		opts []interceptor.Option
		want string
	}{
		"broken": {nil, "b"},
		"resumed": {[]interceptor.Option{interceptor.WithResume(func(_ context.Context, i interceptor.Interrupted) (next proto.Message, ok bool) {
			return i.Request, true
		})}, "b b"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{answers: map[string]func(int) error{"a": refusing(grpctest.Hinted(time.Minute))}}
			server := h.server()
			open := server.Stream
			broken := false
			server.Stream = func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
				err := open(n, in, out)
				if err == nil && !broken {
					broken, err = true, grpctest.ErrOverloaded
				}
				return err
			}
			runOn(t, h, server, func(p *program) {
				got, _, err := p.read()
				if text := strings.Join(got, " "); text != c.want || (err == nil) != (name == "resumed") {
					p.Errorf("got %q, %v: want %q", text, err, c.want)
				}
			}, append(c.opts, interceptor.Repeatable())...)
		})
	}
}

// TestTargets_bidi: the first message alone is adapted, also if the server speaks first or
// the message is too large to be kept.
func TestTargets_bidi(t *testing.T) {
	for name, opts := range map[string][]interceptor.Option{
		"kept": nil, "not kept": {interceptor.WithReplayBuffer(0)},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{answers: map[string]func(int) error{"a": refusing(grpctest.Hinted(time.Minute))}}
			run(t, h, func(p *program) {
				p.want("b", 0)
				stream, err := testpb.NewTestServiceClient(p.conn).FullDuplexCall(withModel(p.Context(), "a"))
				if err != nil {
					p.Fatal(err)
				}
				for i, body := range []string{"a", "second"} {
					if err := stream.Send(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: []byte(body)}}); err != nil {
						p.Fatal(err)
					}
					got, err := stream.Recv()
					if want := []string{"b", "second"}[i]; err != nil || string(got.GetPayload().GetBody()) != want {
						p.Errorf("got %v, %v, want %s", got, err, want)
					}
				}
				_ = stream.CloseSend()
				if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
					p.Error(err)
				}
			}, append(opts, byModel)...)
		})
	}
}
