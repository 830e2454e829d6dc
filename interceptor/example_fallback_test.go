package interceptor_test

import (
	"context"
	"errors"
	"fmt"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// errDaily is how Gemini refuses when the quota of a day is spent.
func errDaily() error {
	st, err := status.New(grpccodes.ResourceExhausted, "You exceeded your current quota.").WithDetails(&errdetails.QuotaFailure{
		Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}},
	})
	if err != nil {
		return err
	}
	return st.Err()
}

// When the quota of the day is spent for one model, another one answers. The
// metadata stay those of the call: the generated client has named the first model
// in x-goog-request-params, for routing, before any interceptor saw the request.
func ExampleWithFallback() {
	otherModel := func(_ context.Context, x interceptor.FailedCall) (any, error) {
		req, ok := x.Request.(*pb.GenerateContentRequest)
		if !ok || interceptor.FailureOf(x.Err).Class != codes.Spent {
			return nil, x.Err
		}
		req = proto.Clone(req).(*pb.GenerateContentRequest)
		req.Model = "models/gemini-flash-lite"
		return req, nil
	}

	server := &gemini{generate: func(_ int, in *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
		if in.GetModel() == "models/gemini-pro" {
			return nil, errDaily()
		}
		return said("answered by "+in.GetModel(), pb.Candidate_STOP), nil
	}}
	client, stop := connectGemini(server, interceptor.WithFallback(otherModel), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		fmt.Printf("attempt %d, fallback %v, outcome %v\n", e.Attempt, e.Fallback, e.Outcome)
	}))
	defer stop()
	m, err := client.GenerateContent(context.Background(), &pb.GenerateContentRequest{Model: "models/gemini-pro"})
	fmt.Println(textIn(m), err)
	// Output:
	// attempt 1, fallback false, outcome pending
	// attempt 2, fallback true, outcome pending
	// attempt 2, fallback true, outcome recovered
	// answered by models/gemini-flash-lite <nil>
}

// A fallback can fill the reply itself.
func ExampleFallbackFunc() {
	cached := func(_ context.Context, x interceptor.FailedCall) (any, error) {
		reply, ok := x.Reply.(*pb.GenerateContentResponse)
		if !ok {
			return nil, errors.New("nothing cached for a stream")
		}
		proto.Merge(reply, said("from the cache", pb.Candidate_STOP))
		return nil, nil
	}
	server := &gemini{generate: func(int, *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) { return nil, errDaily() }}
	client, stop := connectGemini(server, interceptor.WithFallback(cached))
	defer stop()
	m, err := client.GenerateContent(context.Background(), &pb.GenerateContentRequest{Model: "models/gemini-pro"})
	fmt.Println(textIn(m), err)
	// Output: from the cache <nil>
}
