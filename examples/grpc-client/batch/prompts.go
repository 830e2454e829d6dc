package batch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// prompt is a line of the prompts file.
type prompt struct {
	line int // counted from 1, blank lines included
	text string
}

// readPrompts reads the prompts of a file, or of standard input for "-".
func readPrompts(ctx context.Context, name string, in io.Reader) ([]prompt, error) {
	data, err := readInput(ctx, name, in)
	if err != nil {
		return nil, err
	}
	var all []prompt
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	line := 0
	for text := range strings.SplitSeq(string(data), "\n") {
		line++
		if !utf8.ValidString(text) {
			return nil, fmt.Errorf("-prompts: line %d of %s is no UTF-8: want text", line, name)
		}
		if text = strings.TrimSpace(text); text != "" {
			all = append(all, prompt{line, text})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("-prompts: %s has no prompts: want one a line", name)
	}
	return all, nil
}

// readInput reads the whole input. Standard input may be a keyboard: the end of
// ctx is not kept waiting.
func readInput(ctx context.Context, name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		data, err := os.ReadFile(name) //nolint:gosec // the user names the file
		if err != nil {
			return nil, fmt.Errorf("-prompts: %w: want a file that can be read", err)
		}
		return data, nil
	}
	type input struct {
		data []byte
		err  error
	}
	done := make(chan input, 1)
	go func() {
		data, err := io.ReadAll(in)
		done <- input{data, err}
	}()
	select {
	case got := <-done:
		if got.err != nil {
			return nil, fmt.Errorf("-prompts: standard input: %w", got.err)
		}
		return got.data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
