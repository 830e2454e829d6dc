package server

import (
	"hash/fnv"
	"strings"
	"time"
)

// PlanMarked fails prompts with a mark, for good.
func PlanMarked(_, prompt string, _ int) Step {
	switch first, _, _ := strings.Cut(prompt, " "); first {
	case "!daily":
		return Step{Err: PerDay()}
	case "!zero":
		return Step{Err: LimitZero()}
	case "!key":
		return Step{Err: WrongKey()}
	case "!request":
		return Step{Err: BadRequest()}
	case "!blocked":
		return Step{Block: true}
	case "!midway":
		return Step{Err: InternalError(), Chunks: 1}
	}
	return Step{}
}

// PlanBatch also fails other prompts, once or twice, the same in every run.
func PlanBatch(model, prompt string, n int) Step {
	if st := PlanMarked(model, prompt, n); st != (Step{}) {
		return st
	}
	switch kind := hashOf(prompt) % 7; {
	case kind == 0 && n <= 2:
		return Step{Err: Overloaded()}
	case kind == 1 && n == 1:
		return Step{Err: InternalError()}
	case kind == 2 && n == 1:
		return Step{Err: PerMinute(1200 * time.Millisecond)}
	}
	return Step{}
}

// hashOf returns a number for a text, always the same.
func hashOf(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // a hash takes every write
	return h.Sum32()
}
