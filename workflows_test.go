package reinvoke_test

import (
	"path/filepath"
	"regexp"
	"testing"
)

// TestWorkflows_pinned: a tag can be moved to other code, a digest cannot. The comment
// is for people and for the tools that suggest newer versions.
func TestWorkflows_pinned(t *testing.T) {
	files, err := filepath.Glob(".github/workflows/*.y*ml")
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d workflows (%v), want at least 1", len(files), err)
	}
	pinned := regexp.MustCompile(`^[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	for _, file := range files {
		for _, uses := range regexp.MustCompile(`(?m)^[ -]*uses: *(.*)$`).FindAllSubmatch(read(t, file), -1) {
			if !pinned.Match(uses[1]) {
				t.Errorf("%s uses %s, want a digest of 40 digits and its version", file, uses[1])
			}
		}
	}
}
