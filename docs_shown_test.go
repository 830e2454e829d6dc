package reinvoke_test

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shown matches the name of a test or an example, or a command, in a code span; the name
// stands in the second group.
var shown = regexp.MustCompile("(?:^|[^`])`(?:((?:Test[A-Z]|Example[A-Z_])\\w*)|(?:go (?:test|run|list|mod|version)|make) [^`]+)`")

// proofs returns the names and commands of a text. The lines of a console count as
// commands, other blocks count for nothing.
func proofs(text string) (names []string, commands int) {
	block := regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		commands += strings.Count("\n"+m[2], "\n$ ")
	}
	for _, m := range shown.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		if m[1] == "" {
			commands++
			continue
		}
		names = append(names, m[1])
	}
	return names, commands
}

// TestDocs_namedTests: a test named by a page is there.
func TestDocs_namedTests(t *testing.T) {
	there := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Example)\w*)\(`).FindAllSubmatch(read(t, path), -1) {
			there[string(m[1])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, page := range append(pages(t), "CONTRIBUTING.md") {
		names, _ := proofs(string(read(t, page)))
		for _, name := range names {
			checked++
			if !there[name] {
				t.Errorf("%s names %s: there is no such test", page, name)
			}
		}
	}
	if checked < 100 {
		t.Errorf("the pages name %d tests, want at least 100", checked)
	}
}

// TestDocs_sectionsAreShown: each section of a page names a test or a command by which
// its claims can be checked.
func TestDocs_sectionsAreShown(t *testing.T) {
	for _, page := range pages(t) {
		if page == "docs/licences.md" { // generated: TestDocs_licences
			continue
		}
		sections := strings.Split(string(read(t, page)), "\n## ")
		if len(sections) > 1 {
			sections = sections[1:]
		}
		for _, section := range sections {
			title, text, _ := strings.Cut(section, "\n")
			if names, commands := proofs(text); len(names)+commands == 0 && !onlyLinks(text) {
				t.Errorf("%s: %q names no test and no command", page, title)
			}
		}
	}
}

// onlyLinks reports whether a section is a list of links and nothing else.
func onlyLinks(text string) bool {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "- [") {
			return false
		}
	}
	return true
}
