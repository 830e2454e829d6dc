package interceptor_test

import (
	"context"
	"fmt"
	"testing"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
)

// worthARetry are the reasons for which a model may have ended that another
// attempt may well not have.
var worthARetry = map[pb.Candidate_FinishReason]bool{
	pb.Candidate_FINISH_REASON_UNSPECIFIED: true,  // with no text: the answer was cut off
	pb.Candidate_OTHER:                     true,  // unknown, which models are at random
	pb.Candidate_MALFORMED_FUNCTION_CALL:   true,  // a slip of the model's
	pb.Candidate_UNEXPECTED_TOOL_CALL:      true,  // likewise
	pb.Candidate_STOP:                      true,  // with no text, which happens when a model has nothing to add: once more
	pb.Candidate_MAX_TOKENS:                false, // the limit is the request's own
	pb.Candidate_SAFETY:                    false, // the rest are judgements about the prompt or the answer, which stay the same
	pb.Candidate_RECITATION:                false,
	pb.Candidate_LANGUAGE:                  false,
	pb.Candidate_BLOCKLIST:                 false,
	pb.Candidate_PROHIBITED_CONTENT:        false,
	pb.Candidate_SPII:                      false,
	pb.Candidate_IMAGE_SAFETY:              false,
}

// hasAnswer takes what says something, and what will not say more.
func hasAnswer(_ string, reply any) error {
	m, ok := reply.(*pb.GenerateContentResponse)
	switch {
	case !ok || textIn(m) != "":
		return nil
	case m.GetPromptFeedback().GetBlockReason() != 0: // the prompt was refused, and will be again
		return nil
	case len(m.GetCandidates()) == 0:
		return status.Error(grpccodes.Unavailable, "no candidates")
	}
	if why := m.GetCandidates()[0].GetFinishReason(); worthARetry[why] {
		return status.Errorf(grpccodes.Unavailable, "no text, finish reason %v", why)
	}
	return nil
}

// Replies of status OK that say nothing are retried, if that may help.
func ExampleWithAccept() {
	replies := []*pb.GenerateContentResponse{{}, said("", pb.Candidate_OTHER), said("It is blue.", pb.Candidate_STOP)}
	server := &gemini{generate: func(n int, _ *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
		return replies[n-1], nil
	}}
	client, stop := connectGemini(server, interceptor.WithAccept(hasAnswer), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		if e.Err != nil {
			fmt.Println(e.Failure.Class, status.Convert(e.Err).Message())
		}
	}))
	defer stop()
	m, err := client.GenerateContent(context.Background(), &pb.GenerateContentRequest{})
	fmt.Println(textIn(m), err)
	// Output:
	// Server no candidates
	// Server no text, finish reason OTHER
	// It is blue. <nil>
}

// The class of a reply that is not taken is that of the error: UNAVAILABLE is
// retried as Server, INVALID_ARGUMENT is not retried.
func ExampleAcceptFunc() {
	var accept interceptor.AcceptFunc = func(method string, reply any) error {
		if m, ok := reply.(*pb.GenerateContentResponse); ok && len(m.GetCandidates()) == 0 {
			return status.Errorf(grpccodes.InvalidArgument, "%s: nothing will ever come of this", method)
		}
		return nil
	}
	server := &gemini{generate: func(int, *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
		return &pb.GenerateContentResponse{}, nil
	}}
	client, stop := connectGemini(server, interceptor.WithAccept(accept))
	defer stop()
	_, err := client.GenerateContent(context.Background(), &pb.GenerateContentRequest{})
	fmt.Println(status.Code(err), server.calls)
	// Output: InvalidArgument 1
}

// TestAccept_everyFinishReason: each is looked at, those to come too.
func TestAccept_everyFinishReason(t *testing.T) {
	for value, name := range pb.Candidate_FinishReason_name {
		want, known := worthARetry[pb.Candidate_FinishReason(value)]
		if !known {
			t.Errorf("%s: nothing is said about it", name)
		}
		if got := hasAnswer("", said("", pb.Candidate_FinishReason(value))) != nil; got != want {
			t.Errorf("%s, with no text: retried %v, want %v", name, got, want)
		}
		if hasAnswer("", said("text", pb.Candidate_FinishReason(value))) != nil {
			t.Errorf("%s, with a text: want it to be taken", name)
		}
	}
	blocked := &pb.GenerateContentResponse{PromptFeedback: &pb.GenerateContentResponse_PromptFeedback{
		BlockReason: pb.GenerateContentResponse_PromptFeedback_SAFETY,
	}}
	if err := hasAnswer("", blocked); err != nil {
		t.Errorf("a prompt that was refused: %v, want it to be taken", err)
	}
}
