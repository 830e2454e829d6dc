package app

import (
	"hash/fnv"
	"strings"
	"time"
)

// planMarked fails the prompts that say so, for good.
func planMarked(_, prompt string, _ int) step {
	switch first, _, _ := strings.Cut(prompt, " "); first {
	case "!daily":
		return step{err: perDay()}
	case "!zero":
		return step{err: limitZero()}
	case "!key":
		return step{err: wrongKey()}
	case "!request":
		return step{err: badRequest()}
	case "!blocked":
		return step{block: true}
	case "!midway":
		return step{err: internalError(), chunks: 1}
	}
	return step{}
}

// planBatch fails others too, once or twice, the same ones in every run.
func planBatch(model, prompt string, n int) step {
	if st := planMarked(model, prompt, n); st != (step{}) {
		return st
	}
	switch kind := hashOf(prompt) % 7; {
	case kind == 0 && n <= 2:
		return step{err: overloaded()}
	case kind == 1 && n == 1:
		return step{err: internalError()}
	case kind == 2 && n == 1:
		return step{err: perMinute(1200 * time.Millisecond)}
	}
	return step{}
}

// hashOf returns a number that depends on the text alone.
func hashOf(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text)) // it takes everything
	return h.Sum32()
}
