package interceptor_test

import (
	"context"
	"runtime"
	"testing"

	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// TestAlloc_openStreams: a committed stream keeps no more than 100 bytes beside
// that of grpc, whatever it has sent and however it was committed.
func TestAlloc_openStreams(t *testing.T) {
	if grpctest.RaceEnabled {
		t.Skip("the race detector changes what is allocated")
	}
	const count = 10_000
	open := func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
		return &grpctest.Fake{Ctx: ctx}, nil
	}
	ctx := t.Context()
	for name, desc := range map[string]*grpc.StreamDesc{
		"server": {ServerStreams: true}, "client": {ClientStreams: true}, "bidi": {ClientStreams: true, ServerStreams: true},
	} {
		for way, commit := range map[string]func(grpc.ClientStream) error{
			"by its first message": func(s grpc.ClientStream) error { return s.RecvMsg(nil) },
			"by its header": func(s grpc.ClientStream) error {
				_, err := s.Header()
				return err
			},
			"by its size": func(s grpc.ClientStream) error {
				return s.SendMsg(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, interceptor.DefaultReplayBuffer)}})
			},
		} {
			switch {
			case way == "by its size" && !desc.ClientStreams:
				continue // it has sent its request already
			case way == "by its first message" && !desc.ServerStreams:
				continue // that is its end
			}
			t.Run(name+", committed "+way, func(t *testing.T) {
				intercept := interceptor.New(interceptor.Repeatable()).Stream()
				streams := make([]grpc.ClientStream, count)
				heap := func() int64 {
					runtime.GC()
					runtime.GC()
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					return int64(m.HeapAlloc) //nolint:gosec // not that much
				}
				var before int64
				for i := range streams {
					if i == 0 || i == count/2 { // the first ones bring with them what is made once
						before = heap()
					}
					stream, err := intercept(ctx, desc, nil, "/a.B/C", open)
					if err != nil {
						t.Fatal(err)
					}
					if err := stream.SendMsg(&testpb.StreamingOutputCallRequest{Payload: &testpb.Payload{Body: make([]byte, 1<<10)}}); err != nil {
						t.Fatal(err)
					}
					if err := commit(stream); err != nil {
						t.Fatal(err)
					}
					streams[i] = stream
				}
				each := (heap() - before) / (count / 2)
				if bare := int64(48); each-bare > 116 { // a fake has 48 bytes
					t.Errorf("%d bytes for each open stream, want %d at most", each, 116+bare)
				}
				runtime.KeepAlive(streams)
				if got := testing.AllocsPerRun(1000, func() {
					if err := streams[0].SendMsg(nil); err != nil {
						t.Fatal(err)
					}
				}); got != 0 {
					t.Errorf("%v allocations for a message that is sent, want none", got)
				}
			})
		}
	}
}
