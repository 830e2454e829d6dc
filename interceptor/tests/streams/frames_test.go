package streams_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// frame is what a proxy passes on without knowing what it is.
type frame struct{ data mem.BufferSlice }

// frames is a codec for them. As proxies do, it takes a reference to what has arrived, and
// gives it to grpc, which frees it.
type frames struct{}

func (frames) Name() string { return "frames" }

func (frames) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, errors.New("frames: want *frame")
	}
	f.data.Ref()
	return f.data, nil
}

func (frames) Unmarshal(data mem.BufferSlice, v any) error {
	f, ok := v.(*frame)
	if !ok {
		return errors.New("frames: want *frame")
	}
	data.Ref()
	f.data = data
	return nil
}

// givenFrames is one that gives grpc the only reference: a frame is sent once.
type givenFrames struct{ frames }

func (givenFrames) Marshal(v any) (mem.BufferSlice, error) {
	f, ok := v.(*frame)
	if !ok {
		return nil, errors.New("frames: want *frame")
	}
	return f.data, nil
}

// newFrame returns a frame in a buffer that is used again once it is free.
func newFrame(pool mem.BufferPool, text string) *frame {
	buffer := pool.Get(2048) // smaller ones are not pooled
	copy(*buffer, text)
	*buffer = (*buffer)[:len(text)]
	return &frame{mem.BufferSlice{mem.NewBuffer(buffer, pool)}}
}

// TestStream_frames: a proxy's frames are kept as they were when they were sent, also if
// their buffers are used for something else meanwhile, and bidirectional streams of them
// are retried.
func TestStream_frames(t *testing.T) {
	handle := func(n int, stream grpc.ServerStream) error {
		var got []string
		for {
			var in frame
			if err := stream.RecvMsg(&in); err == io.EOF { //nolint:errorlint // grpc returns io.EOF itself
				break
			} else if err != nil {
				return err
			}
			got = append(got, string(in.data.Materialize()))
		}
		if n < 3 {
			return status.Error(grpccodes.ResourceExhausted, "Resource exhausted")
		}
		for _, text := range got {
			if err := stream.SendMsg(&frame{mem.BufferSlice{mem.SliceBuffer(text)}}); err != nil {
				return err
			}
		}
		return nil
	}
	for _, codec := range []encoding.CodecV2{frames{}, givenFrames{}} {
		synctest.Test(t, func(t *testing.T) { echoFrames(t, codec, handle) })
	}
}

// echoFrames sends frames in a codec to a server that answers with them.
func echoFrames(t *testing.T, codec encoding.CodecV2, handle func(n int, stream grpc.ServerStream) error) {
	t.Helper()
	pool := mem.DefaultBufferPool()
	desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
	conn := grpctest.ServeRaw(t, handle, interceptor.DialOptions(), grpc.ForceServerCodecV2(frames{}))
	stream, err := conn.NewStream(t.Context(), desc, "/any.Service/Method", grpc.ForceCodecV2(codec))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"one", "two", ""}
	for _, text := range want {
		f := newFrame(pool, text)
		if err := stream.SendMsg(f); err != nil {
			t.Fatalf("SendMsg: %v", err)
		}
		if codec == (frames{}) {
			f.data.Free()
		}
		copy(*pool.Get(2048), "somebody else's") // may be the buffer of the frame
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		var out frame
		if err = stream.RecvMsg(&out); err != nil {
			break
		}
		got = append(got, string(out.data.Materialize()))
	}
	if err != io.EOF { //nolint:errorlint // grpc returns io.EOF itself
		t.Errorf("RecvMsg: got %v, want the end", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
}

// TestStream_hiddenCodec: where an interceptor on the right chooses the codec, what was
// sent cannot be kept, and the error says so.
func TestStream_hiddenCodec(t *testing.T) {
	choose := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		return streamer(ctx, desc, cc, method, append(opts, grpc.ForceCodec(words{}))...)
	}
	synctest.Test(t, func(t *testing.T) {
		var log retrytest.Lines
		dial := interceptor.DialOptions(interceptor.Repeatable(), log.Option())
		conn := grpctest.ServeRaw(t, failWords(1), append(dial, grpc.WithChainStreamInterceptor(choose)), grpc.ForceServerCodec(words{}))
		stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, "/words.Words/Say")
		if err != nil {
			t.Fatal(err)
		}
		in, out := "hello", ""
		if err := stream.SendMsg(&in); err != nil {
			t.Fatalf("SendMsg: %v", err)
		}
		wantUnkept(t, stream.RecvMsg(&out), 1, log.Text(), "cannot be encoded")
	})
}

// onlyStrings is a stream of an interceptor that knows one type of messages.
type onlyStrings struct{ grpc.ClientStream }

func (s onlyStrings) SendMsg(m any) error {
	_ = *m.(*string)
	return s.ClientStream.SendMsg(m)
}

// TestStream_typedInterceptor: an attempt that is given up is ended with a message that
// interceptors on the right know.
func TestStream_typedInterceptor(t *testing.T) {
	typed := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		stream, err := streamer(ctx, desc, cc, method, opts...)
		return onlyStrings{stream}, err
	}
	synctest.Test(t, func(t *testing.T) {
		dial := append(interceptor.DialOptions(interceptor.Repeatable()), grpc.WithChainStreamInterceptor(typed, grpctest.FailingOnce(grpctest.ErrOverloaded)))
		conn := grpctest.ServeRaw(t, failWords(0), dial, grpc.ForceServerCodec(words{}))
		stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, "/words.Words/Say", grpc.ForceCodec(words{}))
		if err != nil {
			t.Fatal(err)
		}
		in, out := "hello", ""
		if err := stream.SendMsg(&in); err != nil {
			t.Fatalf("SendMsg: %v", err)
		}
		if err := stream.RecvMsg(&out); err != nil || out != "hello" {
			t.Errorf("RecvMsg: got %q, %v, want the echo", out, err)
		}
	})
}
