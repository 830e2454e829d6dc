package batch

import (
	"context"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
)

// streamTimeout bounds a streamed answer, retries included: the client's own figure
// for unary calls.
const streamTimeout = 10 * time.Minute

// asker asks prompts. An asker is safe for concurrent use.
type asker struct {
	client        *generativelanguage.GenerativeClient
	server, model string
	stream        bool
	redactor      terminal.Redactor
	watch         func(interceptor.Event) // is told of every event; safe for concurrent use
}

// ask asks a prompt. ended is false if the end of ctx has cut the call: nothing is known
// of the prompt then.
func (a *asker) ask(ctx context.Context, p prompt) (r Record, ended bool) {
	r = Record{Line: p.line, Server: a.server, Model: a.model, Prompt: p.text}
	var class codes.Class
	call := gemini.WithProbe(ctx, func(e interceptor.Event) {
		a.watch(e)
		if e.Outcome != interceptor.Pending {
			r.Attempts, r.Waited, class = e.Attempt, e.Waited.Seconds(), e.Failure.Class
		}
	})
	text, finish, err := a.generate(call, p.text)
	if err != nil && ctx.Err() != nil {
		return r, false
	}
	r.Finish = finish
	switch {
	case err != nil:
		if class == codes.None { // over REST no event tells of what breaks a stream midway
			class = interceptor.FailureOf(err).Class
		}
		message := terminal.Shown(err, a.redactor)
		r.Error, r.Class, r.Partial = &message, class.String(), text
	case text == "":
		message := gemini.NoAnswer(finish)
		r.Error = &message
	default:
		r.Answer = text
	}
	return r.redacted(a.redactor), true
}

// generate asks. With an error comes the part of the answer before the error.
func (a *asker) generate(ctx context.Context, text string) (answer, finish string, err error) {
	if !a.stream {
		resp, err := a.client.GenerateContent(ctx, gemini.Request(a.model, text))
		answer, finish := gemini.AnswerOf(resp)
		return answer, finish, err
	}
	// The client gives unary calls ten minutes and streams no limit: a hanging
	// stream would keep the batch from ending.
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	stream, err := a.client.StreamGenerateContent(ctx, gemini.Request(a.model, text))
	if err != nil {
		return "", "", err
	}
	return gemini.ReadAll(stream)
}
