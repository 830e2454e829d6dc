package app

import (
	"context"
	"strings"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
)

// spareModel answers when the quota of the first one is spent.
const spareModel = "models/spare"

// askSpare asks another model when the quota of the day is spent.
func askSpare(_ context.Context, x interceptor.FailedCall) (any, error) {
	req, ok := x.Request.(*pb.GenerateContentRequest)
	if !ok || interceptor.FailureOf(x.Err).Class != codes.Spent {
		return nil, x.Err
	}
	req = proto.CloneOf(req)
	req.Model = spareModel
	return req, nil
}

// cutOff is what the turn begins with that asks for the rest of an answer.
const cutOff = "Your answer was cut off. Go on exactly after these words, without repeating them: "

// goOn asks for the rest of an answer that has broken off. The partial answer is
// quoted in a new turn of the user: newer models refuse a request that ends with a
// turn of their own.
func goOn(_ context.Context, i interceptor.Interrupted) (proto.Message, bool) {
	req, ok := i.Request.(*pb.GenerateContentRequest)
	if !ok {
		return nil, false
	}
	var partial strings.Builder
	for _, m := range i.All {
		if resp, ok := m.(*pb.GenerateContentResponse); ok {
			text, _ := answerOf(resp)
			partial.WriteString(text)
		}
	}
	req.Contents = append(req.Contents, contents(cutOff+partial.String())...)
	return req, true
}

// asked returns the prompt of a request, and how much of its answer was given
// before. Like the newer models it refuses to continue a turn of the model's.
func asked(turns []*pb.Content) (prompt, said string, err error) {
	if len(turns) > 0 && turns[len(turns)-1].GetRole() == "model" {
		return "", "", status.Error(grpccodes.InvalidArgument, "Requests ending with a model turn are not supported.")
	}
	if len(turns) > 1 {
		if partial, ok := strings.CutPrefix(textOf(turns[len(turns)-1:]), cutOff); ok {
			return textOf(turns[:1]), partial, nil
		}
	}
	return textOf(turns), "", nil
}
