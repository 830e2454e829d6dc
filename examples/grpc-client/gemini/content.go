// Package gemini is the client's side: calls, contents, and targets.
package gemini

import (
	"errors"
	"io"
	"strings"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
)

// Contents wraps a prompt for a request.
func Contents(prompt string) []*pb.Content {
	return []*pb.Content{{Role: "user", Parts: []*pb.Part{{Data: &pb.Part_Text{Text: prompt}}}}}
}

// CutOff begins the turn with the request for the rest of an answer.
const CutOff = "Your answer was cut off. Go on exactly after these words, without repeating them: "

// Request is a request to answer a prompt.
func Request(model, prompt string) *pb.GenerateContentRequest {
	return &pb.GenerateContentRequest{Model: model, Contents: Contents(prompt)}
}

// TextOf returns the text of some contents.
func TextOf(contents []*pb.Content) string {
	var b strings.Builder
	for _, c := range contents {
		for _, p := range c.GetParts() {
			if !p.GetThought() { // a thought is no answer
				b.WriteString(p.GetText())
			}
		}
	}
	return b.String()
}

// AnswerOf returns the text of the first candidate of a response, and the reason for
// the end unless the answer is complete.
func AnswerOf(resp *pb.GenerateContentResponse) (text, finish string) {
	if len(resp.GetCandidates()) == 0 {
		if reason := resp.GetPromptFeedback().GetBlockReason(); reason != 0 {
			return "", "BLOCKED_" + reason.String()
		}
		return "", ""
	}
	first := resp.GetCandidates()[0]
	if reason := first.GetFinishReason(); reason != pb.Candidate_FINISH_REASON_UNSPECIFIED && reason != pb.Candidate_STOP {
		finish = reason.String()
	}
	return TextOf([]*pb.Content{first.GetContent()}), finish
}

// ReadAll reads a stream to the end and returns the text of all chunks, with an
// error too.
func ReadAll(stream pb.GenerativeService_StreamGenerateContentClient) (text, finish string, err error) {
	var b strings.Builder
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return b.String(), finish, nil
		}
		if err != nil {
			return b.String(), finish, err
		}
		chunk, reason := AnswerOf(resp)
		b.WriteString(chunk)
		if reason != "" {
			finish = reason
		}
	}
}

// NoAnswer is the error of a successful call without an answer.
func NoAnswer(finish string) string {
	if finish == "" {
		finish = "no reason given"
	}
	return "the model gave no answer: " + finish
}
