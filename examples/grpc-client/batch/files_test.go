package batch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fresh returns the name of a file that there is not yet.
func fresh(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "out.jsonl")
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
func records(t *testing.T, text string) []Record {
	t.Helper()
	var all []Record
	for line := range strings.Lines(text) {
		r, err := Decode([]byte(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, r)
	}
	return all
}
