package codes_test

import (
	"fmt"
	"testing"

	"golang.org/x/net/http2"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

func TestEvidence_rstStream(t *testing.T) {
	reset := func(code grpccodes.Code) verdict {
		return verdict{code, codes.Network, codes.Lost, "stream-reset"}
	}
	for code, want := range map[http2.ErrCode]verdict{
		http2.ErrCodeNo:                 reset(grpccodes.Internal),
		http2.ErrCodeProtocol:           reset(grpccodes.Internal),
		http2.ErrCodeInternal:           reset(grpccodes.Internal),
		http2.ErrCodeStreamClosed:       reset(grpccodes.Internal),
		http2.ErrCodeCompression:        reset(grpccodes.Internal),
		http2.ErrCodeConnect:            reset(grpccodes.Internal),
		http2.ErrCodeCancel:             reset(grpccodes.Canceled),
		http2.ErrCode(0x99):             reset(grpccodes.Unknown),
		http2.ErrCodeFlowControl:        reset(grpccodes.ResourceExhausted), // not a quota
		http2.ErrCodeEnhanceYourCalm:    reset(grpccodes.ResourceExhausted), // not a quota
		http2.ErrCodeRefusedStream:      {grpccodes.Unavailable, codes.Network, codes.Unsent, "refused-stream"},
		http2.ErrCodeInadequateSecurity: {grpccodes.PermissionDenied, codes.Request, codes.Lost, "http2-required"},
		http2.ErrCodeHTTP11Required:     {grpccodes.Internal, codes.Request, codes.Lost, "http2-required"},
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			addr := frames(t, func(p *peer, stream uint32) bool { return p.WriteRSTStream(stream, code) == nil })
			dial(t, addr).both(t, want)
		})
	}
}

func TestEvidence_rstStreamAfterHeaders(t *testing.T) {
	addr := frames(t, func(p *peer, stream uint32) bool {
		return p.headers(stream, false, ":status", "200", "content-type", "application/grpc") &&
			p.WriteRSTStream(stream, http2.ErrCodeInternal) == nil
	})
	dial(t, addr).both(t, verdict{grpccodes.Internal, codes.Network, codes.Lost, "stream-reset"})
}

func TestEvidence_connectionReset(t *testing.T) {
	for _, headers := range []bool{false, true} {
		t.Run(fmt.Sprintf("headers sent: %v", headers), func(t *testing.T) {
			addr := frames(t, func(p *peer, stream uint32) bool {
				if headers {
					p.headers(stream, false, ":status", "200", "content-type", "application/grpc")
				}
				p.reset()
				return false
			})
			dial(t, addr).both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Lost, "connection-failed"})
		})
	}
}

func TestEvidence_streamCut(t *testing.T) {
	t.Run("the stream ends without trailers", func(t *testing.T) {
		addr := frames(t, func(p *peer, stream uint32) bool {
			return p.headers(stream, false, ":status", "200", "content-type", "application/grpc") &&
				p.WriteData(stream, true, nil) == nil
		})
		dial(t, addr).both(t, verdict{grpccodes.Internal, codes.Network, codes.Lost, "stream-cut"})
	})
	t.Run("the stream ends inside a message", func(t *testing.T) {
		addr := frames(t, func(p *peer, stream uint32) bool {
			return p.headers(stream, false, ":status", "200", "content-type", "application/grpc") &&
				p.WriteData(stream, true, []byte{0, 0, 0, 0, 9, 'x'}) == nil
		})
		dial(t, addr).both(t, verdict{grpccodes.Internal, codes.Network, codes.Lost, "stream-cut"})
	})
}

func TestEvidence_goAway(t *testing.T) {
	t.Run("a stream above the last one was not processed", func(t *testing.T) {
		addr := frames(t, func(p *peer, _ uint32) bool { return p.WriteGoAway(0, http2.ErrCodeNo, nil) == nil })
		dial(t, addr).both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Unsent, "connection-draining"})
	})
	t.Run("a stream below the last one may have been processed", func(t *testing.T) {
		addr := frames(t, func(p *peer, stream uint32) bool {
			_ = p.WriteGoAway(stream, http2.ErrCodeEnhanceYourCalm, []byte("calm down"))
			return false
		})
		dial(t, addr).both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Lost, "connection-failed"})
	})
}

func TestEvidence_trailersOnlyByHand(t *testing.T) {
	addr := frames(t, func(p *peer, stream uint32) bool {
		return p.headers(stream, true, ":status", "200", "content-type", "application/grpc",
			"grpc-status", "8", "grpc-message", "Resource has been exhausted (e.g. check quota).")
	})
	dial(t, addr).both(t, verdict{grpccodes.ResourceExhausted, codes.Quota, codes.Answered, "resource-exhausted"})
}

func TestEvidence_detailsThatDoNotFit(t *testing.T) {
	for _, tc := range []struct {
		name, details string
		want          verdict
	}{
		{"bytes that are no status are dropped", "AAAA", verdict{grpccodes.Unavailable, codes.Server, codes.Answered, "unavailable"}},
		{"a status of another code is INTERNAL", "CAg", verdict{grpccodes.Internal, codes.Server, codes.Answered, "internal"}},
		{"a value that is no base64 is INTERNAL", "!", verdict{grpccodes.Internal, codes.Server, codes.Lost, "internal"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr := frames(t, func(p *peer, stream uint32) bool {
				return p.headers(stream, true, ":status", "200", "content-type", "application/grpc",
					"grpc-status", "14", "grpc-message", "x", "grpc-status-details-bin", tc.details)
			})
			dial(t, addr).both(t, tc.want)
		})
	}
}

func TestEvidence_relayedAfterHeaders(t *testing.T) {
	// A gateway relays its own client's failure after it sent headers: nothing
	// but those headers tells that this stream was processed.
	const text = "stream terminated by RST_STREAM with error code: REFUSED_STREAM"
	addr := frames(t, func(p *peer, stream uint32) bool {
		return p.headers(stream, false, ":status", "200", "content-type", "application/grpc") &&
			p.headers(stream, true, "grpc-status", "14", "grpc-message", text)
	})
	f := dial(t, addr).watch(t)
	if f.Reach != codes.Lost {
		t.Errorf("reach %v by rule %s, want Lost", f.Reach, f.Rule)
	}
}
