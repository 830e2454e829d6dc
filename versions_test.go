package reinvoke_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

const versions = ".github/workflows/versions.yml"

// TestVersions_page: docs/limits.md and the README name the versions that go.mod asks
// for and that the workflow runs the tests with.
func TestVersions_page(t *testing.T) {
	oldestGo, oldestGRPC := required(t, `(?m)^go (\S+)$`), required(t, `(?m)^\tgoogle\.golang\.org/grpc (\S+)$`)
	goes, grpcs := matrix(t, "go"), matrix(t, "grpc")
	if goes[0] != oldestGo || goes[len(goes)-1] != "stable" {
		t.Errorf("%s tests with Go %v, want %s, that of go.mod, to stable", versions, goes, oldestGo)
	}
	if grpcs[len(grpcs)-1] != "latest" {
		t.Errorf("%s tests with grpc %v, want latest as the last one", versions, grpcs)
	}
	generated(t, "versions", fmt.Sprintf("| | go.mod asks for | the tests run with |\n|---|---|---|\n| Go | %s | %s |\n| grpc-go | %s | %s |\n",
		oldestGo, strings.Join(goes, ", "), oldestGRPC, strings.Join(grpcs, ", ")))
	minor := regexp.MustCompile(`v?(\d+\.\d+).*`)
	want := fmt.Sprintf("Go %s and grpc-go %s or newer", minor.ReplaceAllString(oldestGo, "$1"), minor.ReplaceAllString(oldestGRPC, "$1"))
	if !bytes.Contains(read(t, readme), []byte(want)) {
		t.Errorf("the README does not say %q", want)
	}
}

// required returns what a pattern finds in go.mod.
func required(t *testing.T, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindSubmatch(read(t, "go.mod"))
	if found == nil {
		t.Fatalf("go.mod has no %s", pattern)
	}
	return string(found[1])
}

// matrix returns the versions that the workflow runs a job with.
func matrix(t *testing.T, job string) []string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^        ` + job + `: \[(.+)\]$`).FindSubmatch(read(t, versions))
	if found == nil {
		t.Fatalf("%s has no matrix of %s", versions, job)
	}
	return strings.Split(strings.ReplaceAll(string(found[1]), `"`, ""), ", ")
}
