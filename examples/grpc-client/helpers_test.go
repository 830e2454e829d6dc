package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
	"github.com/reinvoke/reinvoke/examples/grpc-client/batch"
)

// buffer is a writer that may be read while it is written.
type buffer struct {
	mu      sync.Mutex
	b       bytes.Buffer
	onWrite func(all string) // may be nil
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n, err := b.b.Write(p)
	if b.onWrite != nil {
		b.onWrite(b.b.String())
	}
	return n, err
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// environment returns a getenv that knows these variables only.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// output is what a run left behind.
type output struct {
	status    int
	out, errs string
}

// runWorld runs the program; what w does not say is empty.
func runWorld(ctx context.Context, w app.World) output {
	var out, errs buffer
	if w.In == nil {
		w.In = strings.NewReader("")
	}
	if w.Out == nil {
		w.Out = &out
	}
	if w.Errs == nil {
		w.Errs = &errs
	}
	if w.Getenv == nil {
		w.Getenv = environment()
	}
	status := app.Run(ctx, newClient, w)
	return output{status, out.String(), errs.String()}
}

// runArgs runs the program with arguments only.
func runArgs(t *testing.T, args ...string) output {
	t.Helper()
	return runWorld(t.Context(), app.World{Args: args, Patience: time.Minute})
}

// writeFile writes a file of the test's own and returns its name.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// records parses JSON lines.
func records(t *testing.T, text string) []batch.Record {
	t.Helper()
	var all []batch.Record
	for line := range strings.Lines(text) {
		r, err := batch.Decode([]byte(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}

// objects parses JSON lines of any kind.
func objects(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(text) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, o)
	}
	return all
}

func wantStatus(t *testing.T, got output, want int) {
	t.Helper()
	if got.status != want {
		t.Fatalf("exit status %d, want %d\n%s%s", got.status, want, got.out, got.errs)
	}
}

func wantContains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}
