package reinvoke_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocs_links: what a page of the module links to is there, its section too.
func TestDocs_links(t *testing.T) {
	checked := 0
	for _, page := range append(pages(t), "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md") {
		text := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(read(t, page)), "")
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text, -1) {
			link := m[1]
			if strings.Contains(link, "://") {
				continue
			}
			checked++
			file, section, _ := strings.Cut(link, "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page, link, err)
				continue
			}
			if section != "" && !slices.Contains(sections(t, target), section) {
				t.Errorf("%s links to %s: there is no such section", page, link)
			}
		}
	}
	if checked < 30 {
		t.Errorf("there are %d links, want at least 30", checked)
	}
}

// sections returns the names of the sections of a page, as links spell them.
func sections(t *testing.T, page string) (names []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(read(t, page)), -1) {
		name := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// TestDocs_open: a page begins with what it is for, in a sentence or two.
func TestDocs_open(t *testing.T) {
	for _, page := range pages(t)[1:] {
		first := regexp.MustCompile(`^# [^\n]+\n\n([A-Z][^\n]+(?:\n[^\n]+)*)\n\n`).FindSubmatch(read(t, page))
		if first == nil || len(first[1]) > 300 {
			t.Errorf("%s does not begin with what it is for", page)
		}
	}
}

// TestDocs_security: who finds a vulnerability is led to the page that says how to
// report one.
func TestDocs_security(t *testing.T) {
	for _, page := range []string{readme, "CONTRIBUTING.md"} {
		if !strings.Contains(string(read(t, page)), "](SECURITY.md)") {
			t.Errorf("%s does not link to SECURITY.md", page)
		}
	}
	if !strings.Contains(string(read(t, "SECURITY.md")), "/security/advisories/new)") {
		t.Error("SECURITY.md has no link for a private report")
	}
}
