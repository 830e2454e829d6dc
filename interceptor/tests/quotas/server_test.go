package quotas_test

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// quota is a server's quota of requests and tokens a minute. A request has a token for every
// four bytes.
type quota struct {
	counts           string // "fixed", "rolling" or "bucket"
	requests, tokens float64
	tells            bool // refusals name the limit
	streams          bool // the calls are server streams
	began            time.Time

	mu                sync.Mutex
	log               []taken
	level             [2]float64 // of the bucket
	filled            time.Time
	scarce            int // the part of the quota that was missing last: 0 requests, 1 tokens
	accepted, refused int
	first             time.Time
}

// taken is an accepted request.
type taken struct {
	at     time.Time
	tokens float64
}

func (q *quota) serve(ctx context.Context, _ int, req *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if err := q.take(time.Now(), math.Ceil(float64(proto.Size(req))/4)); err != nil {
		return nil, err
	}
	grpctest.Snooze(ctx, time.Duration(500+len(req.GetPayload().GetBody())%1000)*time.Millisecond)
	return &testpb.SimpleResponse{}, nil
}

func (q *quota) stream(_ int, req *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
	_, err := q.serve(out.Context(), 0, &testpb.SimpleRequest{Payload: req.GetPayload()})
	if err != nil {
		return err
	}
	return grpctest.SendAll(out, "a", "b")
}

// ask makes a call of so many tokens.
func (q *quota) ask(ctx context.Context, conn *grpc.ClientConn, tokens int) error {
	if q.streams {
		stream, err := testpb.NewTestServiceClient(conn).StreamingOutputCall(ctx, &testpb.StreamingOutputCallRequest{Payload: prompt(tokens).GetPayload()}, interceptor.Repeatable())
		if err == nil {
			_, err = grpctest.Drain(stream)
		}
		return err
	}
	_, err := testpb.NewTestServiceClient(conn).UnaryCall(ctx, prompt(tokens), interceptor.Repeatable())
	return err
}

// take takes a request, or refuses.
func (q *quota) take(now time.Time, tokens float64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.first.IsZero() {
		q.first = now
	}
	if wait := q.room(now, tokens); wait > 0 {
		q.refused++
		return q.refusal(wait)
	}
	q.accepted++
	q.log = append(q.log, taken{now, tokens})
	return nil
}

// refusal returns the server's refusal, which names the limit if the server says so much.
func (q *quota) refusal(wait time.Duration) error {
	st := status.Convert(grpctest.Hinted(wait))
	if !q.tells {
		return st.Err()
	}
	v := &errdetails.QuotaFailure_Violation{QuotaId: "GenerateRequestsPerMinutePerProjectPerModel", QuotaValue: int64(q.requests)}
	if q.scarce == 1 {
		v = &errdetails.QuotaFailure_Violation{QuotaId: "GenerateContentInputTokensPerModelPerMinute", QuotaValue: int64(q.tokens)}
	}
	st, err := st.WithDetails(&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{v}})
	if err != nil {
		panic(err)
	}
	return st.Err()
}

// room returns when there is room for a request; 0 for now.
func (q *quota) room(now time.Time, tokens float64) time.Duration {
	if q.counts == "bucket" {
		return q.bucket(now, tokens)
	}
	from := now.Add(-time.Minute)
	if q.counts == "fixed" {
		from = q.began.Add(now.Sub(q.began).Truncate(time.Minute)).Add(-time.Nanosecond)
	}
	requests, sum := 1.0, tokens
	for i := len(q.log) - 1; i >= 0 && q.log[i].at.After(from); i-- {
		requests++
		sum += q.log[i].tokens
		if requests > q.requests || sum > q.tokens {
			if q.scarce = 0; requests <= q.requests {
				q.scarce = 1
			}
			if q.counts == "fixed" {
				return from.Add(time.Minute).Sub(now) + time.Nanosecond
			}
			return q.log[i].at.Add(time.Minute).Sub(now)
		}
	}
	return 0
}

// bucket takes from a bucket that holds a minute's quota and refills evenly.
func (q *quota) bucket(now time.Time, tokens float64) (wait time.Duration) {
	most := [2]float64{q.requests, q.tokens}
	if q.filled.IsZero() {
		q.level = most
	} else {
		for u := range most {
			q.level[u] = min(most[u], q.level[u]+most[u]*now.Sub(q.filled).Minutes())
		}
	}
	q.filled = now
	need := [2]float64{1, tokens}
	for u := range need {
		if missing := need[u] - q.level[u]; missing > 1e-6 {
			q.scarce = u
			wait = max(wait, time.Duration(missing/most[u]*float64(time.Minute))+time.Millisecond)
		}
	}
	if wait == 0 {
		for u := range need {
			q.level[u] -= need[u]
		}
	}
	return wait
}

// used returns the share of the scarcer part of the quota that was used after the first minute.
func (q *quota) used() float64 {
	from, to := q.first.Add(time.Minute), q.first.Add(plays())
	requests, tokens := 0.0, 0.0
	for _, one := range q.log {
		if one.at.After(from) && !one.at.After(to) {
			requests++
			tokens += one.tokens
		}
	}
	return max(requests/q.requests, tokens/q.tokens) / to.Sub(from).Minutes()
}

func (q *quota) refusedShare() float64 {
	return float64(q.refused) / float64(q.refused+q.accepted)
}

func (q *quota) String() string {
	return fmt.Sprintf("%.3f used, %d accepted, %.3f of the requests refused", q.used(), q.accepted, q.refusedShare())
}
