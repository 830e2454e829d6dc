package streams_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// object is a server that reads a range of an object, from the offset that is
// asked for, and breaks at random.
func object(content []byte, cuts *int, r *rand.Rand) *grpctest.Server {
	return &grpctest.Server{Stream: func(_ int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		offset, err := strconv.Atoi(string(in.GetPayload().GetBody()))
		if err != nil || offset > len(content) {
			return status.Errorf(grpccodes.OutOfRange, "offset %q", in.GetPayload().GetBody())
		}
		for offset < len(content) {
			if *cuts > 0 && r.IntN(3) == 0 {
				*cuts--
				return grpctest.Of(r, grpctest.ErrOverloaded, status.Error(grpccodes.Internal, "An internal error has occurred."), status.Error(grpccodes.Unavailable, "going away"))
			}
			end := min(offset+1+r.IntN(700), len(content))
			if err := out.Send(&testpb.StreamingOutputCallResponse{Payload: &testpb.Payload{Body: content[offset:end]}}); err != nil {
				return err
			}
			offset = end
		}
		return nil
	}}
}

// TestResume_rangeRead reads an object through a thousand cuts: no byte twice,
// none lost. Its offset is what the reader has got so far.
func TestResume_rangeRead(t *testing.T) {
	seed := grpctest.Seed(t, 0)
	r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a test has to be repeatable, not secret
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(r.Uint32()) //nolint:gosec // likewise
	}
	const cuts = 1000
	left := cuts
	s := object(content, &left, r)
	synctest.Test(t, func(t *testing.T) {
		conn := grpctest.Serve(t, s, retrytest.DialOptions(interceptor.WithTable(patient()), interceptor.WithoutBudget())...)
		var got bytes.Buffer
		resume := interceptor.WithResume(func(context.Context, interceptor.Interrupted) (proto.Message, bool) {
			return grpctest.Ask(strconv.Itoa(got.Len())), true
		})
		stream := openWhole(t, conn, resume, interceptor.Repeatable())
		body, err := grpctest.Receive(stream)
		for ; err == nil; body, err = grpctest.Receive(stream) {
			got.WriteString(body)
		}
		grpctest.WantEOF(t, stream)
		if !bytes.Equal(got.Bytes(), content) {
			t.Errorf("seed %d: got %d bytes, want the %d of the object", seed, got.Len(), len(content))
		}
		if left != 0 || s.Attempts() != cuts+1 {
			t.Errorf("seed %d: %d cuts were left, %d attempts, want %d cuts", seed, left, s.Attempts(), cuts)
		}
	})
}

// patient is the default table with as many retries as it takes.
func patient() policy.Table {
	table := policy.Default()
	for class, row := range table {
		if row.Retries > 0 {
			table[class].Retries = 50
		}
	}
	return table
}

// TestResume_rangeReadByItsMessages does the same with nothing but what the
// function is told.
func TestResume_rangeReadByItsMessages(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test has to be repeatable, not secret
	content := bytes.Repeat([]byte("0123456789"), 2000)
	left := 50
	s := object(content, &left, r)
	resume := interceptor.WithResume(func(_ context.Context, i interceptor.Interrupted) (proto.Message, bool) {
		offset := 0
		for _, m := range i.All {
			offset += len(m.(*testpb.StreamingOutputCallResponse).GetPayload().GetBody())
		}
		return grpctest.Ask(strconv.Itoa(offset)), true
	}, interceptor.KeepAll())
	retrytest.Setup{Options: []interceptor.Option{resume, interceptor.Repeatable(), interceptor.WithTable(patient())}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		var got bytes.Buffer
		stream := openWhole(t, conn)
		body, err := grpctest.Receive(stream)
		for ; err == nil; body, err = grpctest.Receive(stream) {
			got.WriteString(body)
		}
		if !bytes.Equal(got.Bytes(), content) {
			t.Errorf("got %d bytes, want the %d of the object", got.Len(), len(content))
		}
	})
}
