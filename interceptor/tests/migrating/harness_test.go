// Package migrating_test runs what docs/migrating.md puts in the place of other packages'
// retries beside those packages, and compares the attempts.
package migrating_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// script is what the attempts of one call meet, in order; later attempts succeed.
type script []error

// errSilent in a script is an attempt without an answer.
var errSilent = errors.New("silent")

// sent is a refusal with metadata beside the status: a header, which then goes ahead of
// it, or a trailer.
type sent struct {
	error
	header, trailer metadata.MD
}

// refused returns the error of a server that answers with this code.
func refused(code grpccodes.Code) error { return status.Error(code, "by the script") }

// refusals returns a script of these codes.
func refusals(codes ...grpccodes.Code) (s script) {
	for _, code := range codes {
		s = append(s, refused(code))
	}
	return s
}

// attempt plays attempt n.
func (s script) attempt(ctx context.Context, n int) error {
	switch {
	case n > len(s):
		return nil
	case errors.Is(s[n-1], errSilent):
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	if with, ok := errors.AsType[sent](s[n-1]); ok {
		if err := errors.Join(grpc.SetTrailer(ctx, with.trailer), sendHeader(ctx, with.header)); err != nil {
			return err
		}
		return with.error
	}
	return s[n-1]
}

// sendHeader sends the header, if there is one.
func sendHeader(ctx context.Context, header metadata.MD) error {
	if header == nil {
		return nil
	}
	return grpc.SendHeader(ctx, header)
}

// server returns a server that plays the script to unary calls and server streams.
func (s script) server() *grpctest.Server {
	return &grpctest.Server{
		Unary: func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
			return &testpb.SimpleResponse{}, s.attempt(ctx, n)
		},
		Stream: func(n int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			if err := s.attempt(out.Context(), n); err != nil {
				return err
			}
			return out.Send(&testpb.StreamingOutputCallResponse{})
		},
	}
}

// playback is what one call with a retry of some kind came to.
type playback struct {
	Attempts int
	Gaps     []time.Duration // between the arrivals of the attempts
	Took     time.Duration
	Code     grpccodes.Code
	Message  string
}

// migrant is a way to make one call: dial options, options of the call, and what makes it.
type migrant struct {
	dial []grpc.DialOption
	call []grpc.CallOption
	make grpctest.CallOnce
}

// play makes one call in a bubble of its own, with a deadline unless that is zero.
func (s script) play(t *testing.T, c migrant, deadline time.Duration) (o playback) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := s.server()
		conn := grpctest.Serve(t, server, c.dial...)
		ctx, cancel := context.WithCancel(t.Context())
		if deadline > 0 {
			ctx, cancel = context.WithTimeout(t.Context(), deadline)
		}
		defer cancel()
		var err error
		o.Took = grpctest.Took(func() { err = c.make(ctx, conn, c.call...) })
		o.Attempts, o.Gaps = server.Attempts(), server.Gaps()
		if o.Code = status.Code(err); o.Code != grpccodes.DeadlineExceeded { // whose words are those of the timer that was first
			o.Message = status.Convert(err).Message()
		}
	})
	return o
}

// wantSamePlay fails the test unless both calls came to the same.
func wantSamePlay(t *testing.T, theirs, ours playback) {
	t.Helper()
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("theirs (-), ours (+):\n%s", diff)
	}
}

// named fails the test unless the page on migrating says this, line breaks aside.
func named(t *testing.T, text string) {
	t.Helper()
	page, err := os.ReadFile("../../../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(strings.Fields(string(page)), " "), text) {
		t.Errorf("docs/migrating.md does not say %q", text)
	}
}

// grpcOptions returns the options as those of a call.
func grpcOptions(opts []interceptor.CallOption) (list []grpc.CallOption) {
	for _, o := range opts {
		list = append(list, o)
	}
	return list
}
