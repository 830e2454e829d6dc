package demo

import (
	"context"
	"strings"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/interceptor"
)

// spareModel answers when the quota of the first model is spent.
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

// goOn asks for the rest of a broken answer. The partial answer is quoted in a new
// turn of the user: newer models refuse a request with a turn of the model at the
// end.
func goOn(_ context.Context, i interceptor.Interrupted) (proto.Message, bool) {
	req, ok := i.Request.(*pb.GenerateContentRequest)
	if !ok {
		return nil, false
	}
	var partial strings.Builder
	for _, m := range i.All {
		if resp, ok := m.(*pb.GenerateContentResponse); ok {
			text, _ := gemini.AnswerOf(resp)
			partial.WriteString(text)
		}
	}
	req.Contents = append(req.Contents, gemini.Contents(gemini.CutOff+partial.String())...)
	return req, true
}
