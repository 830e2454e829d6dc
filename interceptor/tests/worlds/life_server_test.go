package worlds_test

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// error returns the status of the attempt.
func (s lifeStep) error() error {
	if s.Code == grpccodes.OK {
		return nil
	}
	st := status.New(s.Code, "as planned")
	var details []protoadapt.MessageV1
	if s.Hint > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(s.Hint)})
	}
	if s.Quota {
		details = append(details, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			Subject: "project:p", QuotaMetric: "requests", QuotaId: "RequestsPerMinutePerProject", QuotaValue: 10,
		}}})
	}
	if len(details) == 0 {
		return st.Err()
	}
	st, err := st.WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return st.Err()
}

// serve does with an attempt what the world says.
func (l *lifeRun) serve(_ any, stream grpc.ServerStream) error {
	ctx := stream.Context()
	md, _ := metadata.FromIncomingContext(ctx)
	if len(md["call"]) == 0 { // the probe
		return stream.SendMsg(grpctest.Chunk("well"))
	}
	id, _ := strconv.Atoi(md["call"][0])
	n, _ := strconv.Atoi(md["attempt"][0])
	rec := l.records[id]
	step := rec.step(n)
	if l.quiet.Load() {
		step = lifeStep{}
	}
	grpctest.Snooze(ctx, step.Delay)
	if step.Header {
		_ = stream.SendHeader(metadata.Pairs("attempt", strconv.Itoa(n)))
	}
	if step.Pushback != "" {
		stream.SetTrailer(metadata.Pairs("grpc-retry-pushback-ms", step.Pushback))
	}
	from, err := rec.read(stream, n, step.Early)
	if err != nil {
		return err
	}
	if err := rec.reply(stream, n, from, step); err != nil {
		return err
	}
	if step.Hang {
		<-ctx.Done()
	}
	if step.Cut {
		l.net.cut()
		<-ctx.Done()
	}
	return step.error()
}

// read reads what the client sends, and returns with which reply to begin.
func (r *lifeRecord) read(stream grpc.ServerStream, n int, early bool) (from int, err error) {
	for first := true; ; first = false {
		if early && (!first || r.Kind == clientLife || r.Kind == bidiLife) {
			return from, nil
		}
		var in testpb.StreamingOutputCallRequest
		if err := stream.RecvMsg(&in); errors.Is(err, io.EOF) {
			return from, nil
		} else if err != nil {
			return 0, err
		}
		body := string(in.GetPayload().GetBody())
		if _, begin, ok := strings.Cut(strings.TrimSuffix(body, lifeChange), "@"); ok {
			from, _ = strconv.Atoi(begin)
		}
		r.mu.Lock()
		r.arrived[n] = append(r.arrived[n], body)
		r.mu.Unlock()
	}
}

// reply sends the replies of an attempt.
func (r *lifeRecord) reply(stream grpc.ServerStream, n, from int, step lifeStep) error {
	replies := step.Replies
	if r.single() {
		replies = 1
		if step.Code != grpccodes.OK || step.Hang || step.Cut {
			replies = 0
		}
	}
	for i := range replies {
		if step.Gap > 0 {
			timer := time.NewTimer(step.Gap)
			select {
			case <-timer.C:
			case <-stream.Context().Done():
			}
			timer.Stop()
		}
		if err := stream.SendMsg(grpctest.Chunk(fmt.Sprintf("%d/%d/%d", r.id, n, from+i))); err != nil {
			return err
		}
	}
	return nil
}
