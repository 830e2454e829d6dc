package demo

import (
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// scene is a call of the demo: the failures of the server, and the expected end.
type scene struct {
	title string // also the prompt; the server knows the scene by the title
	// method is the name of the called method.
	method string
	call   gemini.Caller
	// deadline is the caller's own, if any.
	deadline time.Duration
	// steps are the server's acts, attempt by attempt; later attempts are
	// answered.
	steps []server.Step
	want  ending
	// options are those of the call.
	options []interceptor.CallOption
	// cached makes the client go on using a token until somebody asks for
	// another.
	cached bool
	// rest makes the call over REST.
	rest bool
	// crowd stands for many calls instead of one.
	crowd bool
	// free accepts any answer, of somebody else's service.
	free bool
}

// ending is the expected end of a call. The figures are those of the demo's
// table and of the delays in the server's hints.
type ending struct {
	class    codes.Class // of the failures
	outcome  interceptor.Outcome
	why      policy.Why // of the last decision
	code     grpccodes.Code
	attempts int
	waited   time.Duration // at least
	fallback bool
	text     string // the answer; empty for any
}

// script is the demo, call by call.
func script() []scene {
	return []scene{
		{
			title: "a healthy call", method: "CountTokens", call: gemini.CountTokens,
			want: ending{outcome: interceptor.FirstTry, why: policy.Success, attempts: 1},
		},
		{
			title: "a quota by the minute", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Err: server.PerMinute(1300 * time.Millisecond)}},
			want:  ending{class: codes.Quota, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 1300 * time.Millisecond},
		},
		{
			title: "many calls at a quota by the minute", method: "GenerateContent", call: gemini.GenerateContent, crowd: true,
			want: ending{class: codes.Quota},
		},
		{
			title: "a quota, and a caller with too little time to wait", method: "GenerateContent", call: gemini.GenerateContent, deadline: time.Second,
			steps: []server.Step{{Err: server.PerMinute(2 * time.Second)}},
			want:  ending{class: codes.Quota, outcome: interceptor.NotRetried, why: policy.DeadlineTooNear, code: grpccodes.ResourceExhausted, attempts: 1},
		},
		{
			title: "a quota of the day, whose retry hint lies", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Err: server.PerDay()}},
			want:  ending{class: codes.Spent, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.ResourceExhausted, attempts: 1},
		},
		{
			title: "a quota of zero", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Err: server.LimitZero()}},
			want:  ending{class: codes.Spent, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.ResourceExhausted, attempts: 1},
		},
		{
			title: "an overloaded model", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Err: server.Overloaded()}, {Err: server.Overloaded()}},
			want:  ending{class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 3, waited: 600 * time.Millisecond},
		},
		{
			title: "an internal error", method: "EmbedContent", call: gemini.EmbedContent,
			steps: []server.Step{{Err: server.InternalError()}},
			want:  ending{class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 200 * time.Millisecond},
		},
		{
			title: "a model that stays overloaded", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Err: server.Overloaded()}, {Err: server.Overloaded()}, {Err: server.Overloaded()}, {Err: server.Overloaded()}},
			want:  ending{class: codes.Server, outcome: interceptor.Exhausted, why: policy.ClassExhausted, code: grpccodes.Unavailable, attempts: 4, waited: 1400 * time.Millisecond},
		},
		{
			title: "a connection cut in the middle of the call", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Cut: true}},
			want:  ending{class: codes.Network, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 100 * time.Millisecond},
		},
		{
			title: "a server that runs out of time", method: "BatchEmbedContents", call: gemini.BatchEmbedContents,
			steps: []server.Step{{Err: server.TimedOut()}},
			want:  ending{class: codes.Timeout, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 100 * time.Millisecond},
		},
		{
			title: "an error that says nothing", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Err: server.UnknownError()}, {Err: server.UnknownError()}},
			want:  ending{class: codes.Other, outcome: interceptor.Recovered, why: policy.Success, attempts: 3, waited: 300 * time.Millisecond},
		},
		{
			title: "an expired token", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Err: server.TokenExpired(), Renew: true}, {Err: server.TokenExpired(), Renew: true}},
			want:  ending{class: codes.Expired, outcome: interceptor.Recovered, why: policy.Success, attempts: 2},
		},
		{
			title: "a wrong key", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Err: server.WrongKey()}},
			want:  ending{class: codes.Auth, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.InvalidArgument, attempts: 1},
		},
		{
			title: "a bad request", method: "CountTokens", call: gemini.CountTokens,
			steps: []server.Step{{Err: server.BadRequest()}},
			want:  ending{class: codes.Request, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.InvalidArgument, attempts: 1},
		},
		{
			title: "a conflict", method: "GenerateContent", call: gemini.GenerateContent,
			steps: []server.Step{{Err: server.Aborted()}},
			want:  ending{class: codes.Conflict, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.Aborted, attempts: 1},
		},
		{
			title: "a silent server, and a caller whose time runs out", method: "GenerateContent", call: gemini.GenerateContent, deadline: 300 * time.Millisecond,
			steps: []server.Step{{Hang: true}},
			want:  ending{class: codes.Ended, outcome: interceptor.Ended, why: policy.CallerEnded, code: grpccodes.DeadlineExceeded, attempts: 1},
		},
		{
			title: "a stream that fails before its first chunk", method: "StreamGenerateContent", call: gemini.StreamGenerateContent,
			steps: []server.Step{{Err: server.Overloaded()}},
			want:  ending{class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 200 * time.Millisecond},
		},
		{
			title: "a stream that fails after its first chunk", method: "StreamGenerateContent", call: gemini.StreamGenerateContent,
			steps: []server.Step{{Err: server.InternalError(), Chunks: 1}},
			want:  ending{class: codes.Server, outcome: interceptor.NotRetried, why: policy.Committed, code: grpccodes.Internal, attempts: 1},
		},
		{
			title: "a stream that breaks and is resumed", method: "StreamGenerateContent", call: gemini.StreamGenerateContent,
			options: []interceptor.CallOption{interceptor.WithResume(goOn, interceptor.KeepAll())},
			steps:   []server.Step{{Err: server.InternalError(), Chunks: 4}},
			want: ending{
				class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 200 * time.Millisecond,
				text: server.AnswerTo("a stream that breaks and is resumed"),
			},
		},
		{
			title: "a quota of the day, and another model", method: "GenerateContent", call: gemini.GenerateContent,
			options: []interceptor.CallOption{interceptor.WithFallback(askSpare)},
			steps:   []server.Step{{Err: server.PerDay()}},
			want:    ending{class: codes.Spent, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, fallback: true},
		},
		{
			title: "a token that was revoked, and is refreshed", method: "GenerateContent", call: gemini.GenerateContent, cached: true,
			steps: []server.Step{{Err: server.TokenRevoked(), Renew: true}, {Err: server.TokenRevoked(), Renew: true}},
			want:  ending{class: codes.Auth, outcome: interceptor.Recovered, why: policy.Success, attempts: 2},
		},
		{
			title: "a conversation whose first attempt fails", method: "BidiGenerateContent", call: gemini.BidiGenerateContent,
			steps: []server.Step{{Err: server.Overloaded()}},
			want:  ending{class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 200 * time.Millisecond},
		},
		{
			title: "a quota by the minute, over REST", method: "GenerateContent", call: gemini.GenerateContent, rest: true,
			steps: []server.Step{{Err: server.PerMinute(1200 * time.Millisecond)}},
			want:  ending{class: codes.Quota, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 1200 * time.Millisecond},
		},
	}
}

// planOf returns the plan of a server for these scenes.
func planOf(scenes []scene) server.Planner {
	crowds := map[string]server.Planner{}
	for _, s := range scenes {
		if s.crowd {
			crowds[s.title], crowds[s.title+ungated] = planCrowd(), planCrowd()
		}
	}
	return func(model, prompt string, n int) server.Step {
		if model == spareModel {
			return server.Step{}
		}
		if plan := crowds[prompt]; plan != nil {
			return plan(model, prompt, n)
		}
		for _, s := range scenes {
			if s.title == prompt && n <= len(s.steps) {
				return s.steps[n-1]
			}
		}
		return server.Step{}
	}
}
