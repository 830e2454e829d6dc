package reinvoke_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// blocks returns the Go blocks of the README and docs/, those that are marked as not
// compiled left out. The first one is that of the README.
func blocks(t *testing.T) (all []string) {
	t.Helper()
	for _, page := range pages(t) {
		for _, block := range regexp.MustCompile("(?s)(<!-- not compiled[^\n]*\n)?```go\n(.*?)```").FindAllStringSubmatch(string(read(t, page)), -1) {
			if block[1] == "" {
				all = append(all, block[2])
			}
		}
	}
	if len(all) < 20 {
		t.Fatalf("there are %d Go blocks, want at least 20", len(all))
	}
	return all
}

// prelude declares what the snippets take for granted.
const prelude = `package snippets

var (
	ctx     context.Context
	target  string
	creds   grpc.DialOption
	client  healthpb.HealthClient
	request *healthpb.HealthCheckRequest
	r       *interceptor.Retrier
	err     error
)
`

// imports are the packages that snippets may use, by the name they use.
var imports = map[string]string{
	"context": "context", "atomic": "sync/atomic", "net": "net", "bufconn": "google.golang.org/grpc/test/bufconn", "insecure": "google.golang.org/grpc/credentials/insecure", "errors": "errors", "log": "log", "slog": "log/slog", "os": "os", "time": "time",
	"testing": "testing", "synctest": "testing/synctest",
	"grpc": "google.golang.org/grpc", "healthpb": "google.golang.org/grpc/health/grpc_health_v1",
	"grpccodes": "google.golang.org/grpc/codes", "option": "google.golang.org/api/option", "gax": "github.com/googleapis/gax-go/v2",
	"pb": "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb", "proto": "google.golang.org/protobuf/proto",
	"status":             "google.golang.org/grpc/status",
	"generativelanguage": "cloud.google.com/go/ai/generativelanguage/apiv1beta",
	"codes":              "github.com/reinvoke/reinvoke/codes", "policy": "github.com/reinvoke/reinvoke/policy",
	"interceptor": "github.com/reinvoke/reinvoke/interceptor",
	"gapic":       "github.com/reinvoke/reinvoke/interceptor/gapic", "otelretry": "github.com/reinvoke/reinvoke/interceptor/otelretry",
	"http": "net/http", "rest": "github.com/reinvoke/reinvoke/interceptor/rest",
	"policyfile": "github.com/reinvoke/reinvoke/policy/policyfile",
	"google":     "github.com/reinvoke/reinvoke/interceptor/google",
}

// file returns a Go file of package snippets that imports what it uses.
func file(body string) string {
	var b strings.Builder
	b.WriteString("package snippets\n\nimport (\n")
	for name, path := range imports {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(body) {
			fmt.Fprintf(&b, "\t%s %q\n", name, path)
		}
	}
	b.WriteString(")\n")
	return b.String() + body
}

// TestDocs_snippets compiles every snippet but the first, which is a
// program of its own. That a snippet does not use a variable is no fault.
func TestDocs_snippets(t *testing.T) {
	dir, overlay := t.TempDir(), map[string]string{}
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	add := func(name, content string) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(wd, "snippets", name)] = path
	}
	add("prelude.go", file(strings.TrimPrefix(prelude, "package snippets\n")))
	for i, block := range blocks(t)[1:] {
		if !strings.HasPrefix(block, "func ") {
			block = fmt.Sprintf("func snippet%d() error {\n%s\nreturn nil\n}\n", i, block)
		}
		add(fmt.Sprintf("snippet%d.go", i), file(block))
	}
	spec, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	specFile := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(specFile, spec, 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.CommandContext(t.Context(), "go", "build", "-gcflags=-e", "-overlay", specFile, "./snippets").CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "go: downloading ") && !strings.Contains(line, "declared and not used") {
			t.Error(strings.TrimSpace(line))
		}
	}
}

// TestReadme_firstSnippet pastes the first snippet into an empty module, runs
// it with nothing listening, and sees it retry.
func TestReadme_firstSnippet(t *testing.T) {
	dir := t.TempDir()
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	mod := regexp.MustCompile(`(?m)^module .*$`).ReplaceAll(read(t, "go.mod"), []byte("module newcomer"))
	mod = fmt.Appendf(mod, "\nrequire github.com/reinvoke/reinvoke v0.0.0\nreplace github.com/reinvoke/reinvoke => %s\n", wd)
	for name, content := range map[string][]byte{
		"go.mod": mod, "go.sum": read(t, "go.sum"),
		// Nothing listens on port 1.
		"main.go": []byte(strings.ReplaceAll(blocks(t)[0], "localhost:50051", "127.0.0.1:1")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-mod=mod", "-o", "newcomer", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}

	program := exec.CommandContext(t.Context(), filepath.Join(dir, "newcomer"))
	stderr, err := program.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = program.Process.Kill()
		_ = program.Wait()
	}()
	retried := regexp.MustCompile(`\[RETRY\] Network: attempt 1 of /grpc\.health\.v1\.Health/Check failed, next in 1(\.\d+)?s, or once connected, up to 1\.\d+s later`) // 1 s to 1.5 s
	var seen []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if seen = append(seen, lines.Text()); retried.MatchString(lines.Text()) {
			return
		}
	}
	t.Fatalf("the program did not retry:\n%s", strings.Join(seen, "\n"))
}

// TestDocs_policyFiles: the files of the page load, and give what they say.
func TestDocs_policyFiles(t *testing.T) {
	const page = "docs/policy-files.md"
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(read(t, page)), -1)
	if len(found) == 0 {
		t.Fatalf("%s has no policy file", page)
	}
	for _, block := range found {
		c, err := policyfile.Load(strings.NewReader(block[1]))
		if err != nil {
			t.Error(err)
		}
		if got := c.Table[codes.Server].Retries; got != 5 {
			t.Errorf("%d retries for Server, want the 5 of the file", got)
		}
	}
}
