package interceptor

import (
	"io"
	"reflect"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/reinvoke/reinvoke/interceptor/internal/replay"
)

// broken finds out why an attempt takes no more messages, unless a receiver is about to
// find out. It returns nil if another attempt has taken over, the message included;
// otherwise io.EOF, and RecvMsg returns the reason.
func (p *pending) broken(attempt grpc.ClientStream, n int) error {
	if !p.receive.TryLock() {
		return nil
	}
	known, err := p.peek(attempt, n)
	if known && err != nil && err != io.EOF { //nolint:errorlint // likewise
		if replaced, _ := p.failed(n, err, nil); replaced {
			return nil
		}
		return io.EOF
	}
	// The attempt has ended well, or an answer is there, or looking for an answer would
	// lose it. From now on the caller may send less than intended: a retry would make an
	// incomplete request look complete.
	if !p.tellBroken(n) {
		return nil
	}
	return io.EOF
}

// peek finds out how an attempt has ended that takes no more messages. Without a header
// there is no message. With a header there may be a message: peek receives the message
// for RecvMsg, unless an interceptor on the right has to see the original type. It
// unlocks receive.
func (p *pending) peek(attempt grpc.ClientStream, n int) (known bool, err error) {
	defer p.receive.Unlock() // also if an interceptor on the right panics
	p.mu.Lock()
	looked := p.phase.busy() || p.retries != n || p.peeked != nil
	p.mu.Unlock()
	if looked {
		return false, nil
	}
	md, err := attempt.Header()
	if err != nil || (md != nil && (!isBare(attempt) || hasCodec(p.target.opts))) {
		return false, nil
	}
	raw := new(emptypb.Empty) // decodes any message
	if err := attempt.RecvMsg(raw); err != nil {
		return true, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peeked = raw
	return true, nil
}

// isBare reports whether a stream is grpc's own, not that of an interceptor.
func isBare(attempt grpc.ClientStream) bool {
	t := reflect.TypeOf(attempt)
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "google.golang.org/grpc"
}

// hasCodec reports whether a codec other than grpc's own may encode the messages.
func hasCodec(opts []grpc.CallOption) bool {
	for _, o := range opts {
		switch o.(type) {
		case grpc.ForceCodecCallOption, grpc.ForceCodecV2CallOption, grpc.CustomCodecCallOption, grpc.ContentSubtypeCallOption:
			return true
		}
	}
	return !replay.DefaultIsGRPCs()
}

// tellBroken commits attempt n, because SendMsg is about to report the attempt as
// broken. It reports false if the attempt was replaced.
func (p *pending) tellBroken(n int) bool {
	ok := func() bool {
		p.lock()
		defer p.mu.Unlock()
		if p.retries != n {
			return false
		}
		if !p.phase.committed() {
			p.forgo(replay.ToldBroken)
		}
		return true
	}()
	if ok {
		p.finish.commit()
	}
	return ok
}

// takePeeked returns the message received ahead of RecvMsg, or nil.
func (p *pending) takePeeked() *emptypb.Empty {
	p.mu.Lock()
	defer p.mu.Unlock()
	peeked := p.peeked
	p.peeked = nil
	return peeked
}

// decodePeeked decodes a peeked message with the codec that grpc would have used.
func decodePeeked(raw *emptypb.Empty, m any) error {
	if m == nil {
		return nil
	}
	data := mem.BufferSlice{mem.SliceBuffer(raw.ProtoReflect().GetUnknown())}
	if err := encoding.GetCodecV2(proto.Name).Unmarshal(data, m); err != nil {
		return status.Errorf(grpccodes.Internal, "grpc: failed to unmarshal the received message: %v", err)
	}
	return nil
}
