package reinvoke_test

import (
	"os"
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

// TestWorkflows_run: a job runs a target of the Makefile or a script of .ci, which
// everyone can run too.
func TestWorkflows_run(t *testing.T) {
	files, _ := filepath.Glob(".github/workflows/*.y*ml")
	ran := 0
	for _, file := range files {
		for _, run := range regexp.MustCompile(`(?m)^[ -]*run: *(\S+) ?(\S*)`).FindAllSubmatch(read(t, file), -1) {
			ran++
			command, argument := string(run[1]), string(run[2])
			if command == "make" {
				if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(argument) + `:`).Match(read(t, "Makefile")) {
					t.Errorf("%s runs make %s, which is no target", file, argument)
				}
				continue
			}
			if info, err := os.Stat(command); err != nil || info.Mode()&0o111 == 0 {
				t.Errorf("%s runs %s, which cannot be run (%v)", file, command, err)
			}
		}
	}
	if ran < 4 {
		t.Errorf("the workflows run %d commands, want at least 4", ran)
	}
}
