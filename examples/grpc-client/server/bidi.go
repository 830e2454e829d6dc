package server

import (
	"errors"
	"io"
	"strings"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
)

// BidiGenerateContent is a conversation: the server listens until the client is done,
// and answers word by word.
func (s *Server) BidiGenerateContent(stream pb.GenerativeService_BidiGenerateContentServer) error {
	model, said := "", strings.Builder{}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if setup := m.GetSetup(); setup != nil {
			model = setup.GetModel()
		}
		said.WriteString(gemini.TextOf(m.GetClientContent().GetTurns()))
	}
	prompt := said.String()
	if err := s.play(stream.Context(), s.next(model, prompt)); err != nil {
		return err
	}
	err := stream.Send(&pb.BidiGenerateContentServerMessage{
		MessageType: &pb.BidiGenerateContentServerMessage_SetupComplete{SetupComplete: &pb.BidiGenerateContentSetupComplete{}},
	})
	for _, word := range strings.SplitAfter(AnswerTo(prompt), " ") {
		if err == nil {
			err = stream.Send(&pb.BidiGenerateContentServerMessage{
				MessageType: &pb.BidiGenerateContentServerMessage_ServerContent{ServerContent: &pb.BidiGenerateContentServerContent{
					ModelTurn: Response(word).GetCandidates()[0].GetContent(),
				}},
			})
		}
	}
	return err
}
