package app

import (
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// scene is a call of the demo: how the server fails it, and how it should end.
type scene struct {
	title string // also the prompt, by which the server knows the scene
	// method is what call calls.
	method string
	call   caller
	// deadline is the caller's own, if any.
	deadline time.Duration
	// steps are what the server does to the attempts in order; it answers
	// those that come later.
	steps []step
	want  ending
	// options are those of the call.
	options []interceptor.CallOption
	// cached says that its token is one that the client goes on using until it is
	// told to fetch another.
	cached bool
	// crowd says that many calls are made, not one.
	crowd bool
	// free says that any answer will do: the service is not ours.
	free bool
}

// ending is how a call should end. The figures are those of the demo's table
// and of the delays that the server asks for.
type ending struct {
	class    codes.Class // of the failures
	outcome  interceptor.Outcome
	why      policy.Why // of the last decision
	code     grpccodes.Code
	attempts int
	waited   time.Duration // at least
	fallback bool
	text     string // what the caller gets; empty for anything
}

// script is the demo, call by call.
func script() []scene {
	return []scene{
		{
			title: "a healthy call", method: "CountTokens", call: countTokens,
			want: ending{outcome: interceptor.FirstTry, why: policy.Success, attempts: 1},
		},
		{
			title: "a quota by the minute", method: "GenerateContent", call: generateContent,
			steps: []step{{err: perMinute(1300 * time.Millisecond)}},
			want:  ending{class: codes.Quota, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 1300 * time.Millisecond},
		},
		{
			title: "many calls at a quota by the minute", method: "GenerateContent", call: generateContent, crowd: true,
			want: ending{class: codes.Quota},
		},
		{
			title: "a quota, and a caller with too little time to wait", method: "GenerateContent", call: generateContent, deadline: time.Second,
			steps: []step{{err: perMinute(2 * time.Second)}},
			want:  ending{class: codes.Quota, outcome: interceptor.NotRetried, why: policy.DeadlineTooNear, code: grpccodes.ResourceExhausted, attempts: 1},
		},
		{
			title: "a quota of the day, whose retry hint lies", method: "GenerateContent", call: generateContent,
			steps: []step{{err: perDay()}},
			want:  ending{class: codes.Spent, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.ResourceExhausted, attempts: 1},
		},
		{
			title: "a quota of zero", method: "GenerateContent", call: generateContent,
			steps: []step{{err: limitZero()}},
			want:  ending{class: codes.Spent, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.ResourceExhausted, attempts: 1},
		},
		{
			title: "an overloaded model", method: "GenerateContent", call: generateContent,
			steps: []step{{err: overloaded()}, {err: overloaded()}},
			want:  ending{class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 3, waited: 600 * time.Millisecond},
		},
		{
			title: "an internal error", method: "EmbedContent", call: embedContent,
			steps: []step{{err: internalError()}},
			want:  ending{class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 200 * time.Millisecond},
		},
		{
			title: "a model that stays overloaded", method: "GenerateContent", call: generateContent,
			steps: []step{{err: overloaded()}, {err: overloaded()}, {err: overloaded()}, {err: overloaded()}},
			want:  ending{class: codes.Server, outcome: interceptor.Exhausted, why: policy.ClassExhausted, code: grpccodes.Unavailable, attempts: 4, waited: 1400 * time.Millisecond},
		},
		{
			title: "a connection cut in the middle of the call", method: "GenerateContent", call: generateContent,
			steps: []step{{cut: true}},
			want:  ending{class: codes.Network, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 100 * time.Millisecond},
		},
		{
			title: "a server that runs out of time", method: "BatchEmbedContents", call: batchEmbedContents,
			steps: []step{{err: serverDeadline()}},
			want:  ending{class: codes.Timeout, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 100 * time.Millisecond},
		},
		{
			title: "an error that says nothing", method: "GenerateContent", call: generateContent,
			steps: []step{{err: unknownError()}, {err: unknownError()}},
			want:  ending{class: codes.Other, outcome: interceptor.Recovered, why: policy.Success, attempts: 3, waited: 300 * time.Millisecond},
		},
		{
			title: "an expired token", method: "GenerateContent", call: generateContent,
			steps: []step{{err: tokenExpired(), renew: true}, {err: tokenExpired(), renew: true}},
			want:  ending{class: codes.Expired, outcome: interceptor.Recovered, why: policy.Success, attempts: 2},
		},
		{
			title: "a wrong key", method: "GenerateContent", call: generateContent,
			steps: []step{{err: wrongKey()}},
			want:  ending{class: codes.Auth, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.InvalidArgument, attempts: 1},
		},
		{
			title: "a bad request", method: "CountTokens", call: countTokens,
			steps: []step{{err: badRequest()}},
			want:  ending{class: codes.Request, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.InvalidArgument, attempts: 1},
		},
		{
			title: "a conflict", method: "GenerateContent", call: generateContent,
			steps: []step{{err: aborted()}},
			want:  ending{class: codes.Conflict, outcome: interceptor.NotRetried, why: policy.NeverRetried, code: grpccodes.Aborted, attempts: 1},
		},
		{
			title: "a silent server, and a caller whose time runs out", method: "GenerateContent", call: generateContent, deadline: 300 * time.Millisecond,
			steps: []step{{hang: true}},
			want:  ending{class: codes.Ended, outcome: interceptor.Ended, why: policy.CallerEnded, code: grpccodes.DeadlineExceeded, attempts: 1},
		},
		{
			title: "a stream that fails before its first chunk", method: "StreamGenerateContent", call: streamGenerateContent,
			steps: []step{{err: overloaded()}},
			want:  ending{class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 200 * time.Millisecond},
		},
		{
			title: "a stream that fails after its first chunk", method: "StreamGenerateContent", call: streamGenerateContent,
			steps: []step{{err: internalError(), chunks: 1}},
			want:  ending{class: codes.Server, outcome: interceptor.NotRetried, why: policy.Committed, code: grpccodes.Internal, attempts: 1},
		},
		{
			title: "a stream that breaks and is resumed", method: "StreamGenerateContent", call: streamGenerateContent,
			options: []interceptor.CallOption{interceptor.WithResume(goOn, interceptor.KeepAll())},
			steps:   []step{{err: internalError(), chunks: 4}},
			want: ending{
				class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 200 * time.Millisecond,
				text: answerTo("a stream that breaks and is resumed"),
			},
		},
		{
			title: "a quota of the day, and another model", method: "GenerateContent", call: generateContent,
			options: []interceptor.CallOption{interceptor.WithFallback(askSpare)},
			steps:   []step{{err: perDay()}},
			want:    ending{class: codes.Spent, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, fallback: true},
		},
		{
			title: "a token that was revoked, and is refreshed", method: "GenerateContent", call: generateContent, cached: true,
			steps: []step{{err: tokenRevoked(), renew: true}, {err: tokenRevoked(), renew: true}},
			want:  ending{class: codes.Auth, outcome: interceptor.Recovered, why: policy.Success, attempts: 2},
		},
		{
			title: "a conversation whose first attempt fails", method: "BidiGenerateContent", call: bidiGenerateContent,
			steps: []step{{err: overloaded()}},
			want:  ending{class: codes.Server, outcome: interceptor.Recovered, why: policy.Success, attempts: 2, waited: 200 * time.Millisecond},
		},
	}
}

// planOf is what a server does that plays these scenes.
func planOf(scenes []scene) planner {
	crowds := map[string]planner{}
	for _, s := range scenes {
		if s.crowd {
			crowds[s.title], crowds[s.title+ungated] = planCrowd(), planCrowd()
		}
	}
	return func(model, prompt string, n int) step {
		if model == spareModel {
			return step{}
		}
		if plan := crowds[prompt]; plan != nil {
			return plan(model, prompt, n)
		}
		for _, s := range scenes {
			if s.title == prompt && n <= len(s.steps) {
				return s.steps[n-1]
			}
		}
		return step{}
	}
}
