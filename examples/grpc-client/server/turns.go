package server

import (
	"strings"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
)

// asked returns the prompt of a request and the part of the answer so far. Like
// newer models, asked refuses to continue a turn of the model.
func asked(turns []*pb.Content) (prompt, said string, err error) {
	if len(turns) > 0 && turns[len(turns)-1].GetRole() == "model" {
		return "", "", status.Error(grpccodes.InvalidArgument, "Requests ending with a model turn are not supported.")
	}
	if len(turns) > 1 {
		if partial, ok := strings.CutPrefix(gemini.TextOf(turns[len(turns)-1:]), gemini.CutOff); ok {
			return gemini.TextOf(turns[:1]), partial, nil
		}
	}
	return gemini.TextOf(turns), "", nil
}
