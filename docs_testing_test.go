package reinvoke_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestDocs_testing runs the test that docs/testing.md shows.
func TestDocs_testing(t *testing.T) {
	block := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(read(t, "docs/testing.md"))
	if block == nil {
		t.Fatal("docs/testing.md shows no test")
	}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	code, spec := filepath.Join(dir, "client_test.go"), filepath.Join(dir, "overlay.json")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(wd, "docs", "client_test.go"): code}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{code: file(string(block[1])), spec: string(overlay)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-overlay", spec, "./docs").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
