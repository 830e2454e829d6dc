package reinvoke_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocs_architecture: the page names files and functions that there are.
func TestDocs_architecture(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, way, found := strings.Cut(string(page), "## The way of a failed call")
	way, _, _ = strings.Cut(way, "\n## ")
	if !found {
		t.Fatal("docs/architecture.md has no section on the way of a failed call")
	}
	var source strings.Builder
	for _, pattern := range []string{"interceptor/*.go", "interceptor/tests/*/*.go", "policy/*.go", "codes/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	for _, file := range regexp.MustCompile(`\b[a-z_]+\.go\b`).FindAllString(way, -1) {
		if _, err := os.Stat(filepath.Join("interceptor", file)); err != nil { //nolint:gosec // the page is ours
			t.Errorf("it names %s: %v", file, err)
		}
	}
	names := regexp.MustCompile("`(?:[a-z]+\\.)?([A-Za-z]+)`").FindAllStringSubmatch(way, -1)
	picture := regexp.MustCompile(`\b(?:call|pending|codes|policy|Retrier)\.([A-Za-z]+)`).FindAllStringSubmatch(way, -1)
	steps := regexp.MustCompile(`(?m)(?:\+-|---) ([a-z][A-Za-z]+) `).FindAllStringSubmatch(way, -1)
	checked := 0
	for _, m := range append(append(names, picture...), steps...) {
		name := m[1]
		switch name {
		case "again", "final", "done", "go", "soak": // words of the picture, of the breaker and of make
			continue
		}
		checked++
		if !regexp.MustCompile(`(?m)^(?:func (?:\([^)]*\) )?|type )` + name + `\b`).MatchString(source.String()) {
			t.Errorf("it names %s, which is not there", name)
		}
	}
	if checked < 25 {
		t.Errorf("it names %d functions and types, want at least 25", checked)
	}
}
