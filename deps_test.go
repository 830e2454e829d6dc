package reinvoke_test

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestDeps_interceptor: the package that everyone imports brings no client of Google's,
// no YAML and no OpenTelemetry, and nothing of REST. Its tests may use them.
func TestDeps_interceptor(t *testing.T) {
	deps := goList(t, "-deps", "./interceptor")
	if !slices.Contains(deps, "google.golang.org/grpc") {
		t.Fatalf("go list names no grpc among %d packages", len(deps))
	}
	for _, dep := range deps {
		if of := unwanted(dep); of != "" {
			t.Errorf("interceptor needs %s, a package of %s", dep, of)
		}
	}
	if slices.Contains(deps, module+"interceptor/rest") {
		t.Error("interceptor needs interceptor/rest: only who calls over REST does")
	}
	for _, p := range []string{"./interceptor/rest", "./interceptor/google"} {
		for _, dep := range goList(t, "-deps", p) {
			if of := unwanted(dep); of != "" {
				t.Errorf("%s needs %s, a package of %s", p, dep, of)
			}
		}
	}
	for _, p := range []string{"./policy/policyfile", "./interceptor/otelretry", "./interceptor/gapic"} {
		if !slices.ContainsFunc(goList(t, "-deps", p), func(dep string) bool { return unwanted(dep) != "" }) {
			t.Errorf("%s needs nothing that interceptor must not: the search finds nothing", p)
		}
	}
}

// unwanted tells which of the groups that interceptor must not need a package belongs
// to, or "".
func unwanted(pkg string) string {
	for _, of := range []struct{ name, prefix string }{
		{"Google's clients", "cloud.google.com/"},
		{"Google's clients", "google.golang.org/api/"},
		{"Google's clients", "github.com/googleapis/gax-go/"},
		{"Google's clients", "google.golang.org/genai"},
		{"OAuth", "golang.org/x/oauth2"},
		{"YAML", "go.yaml.in/"},
		{"YAML", "gopkg.in/yaml"},
		{"YAML", "sigs.k8s.io/yaml"},
		{"OpenTelemetry", "go.opentelemetry.io/"},
	} {
		if strings.HasPrefix(pkg, of.prefix) {
			return of.name
		}
	}
	return ""
}

// TestDocs_modules: the page lists the modules that a user of interceptor gets.
func TestDocs_modules(t *testing.T) {
	modules := goList(t, "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "./interceptor")
	slices.Sort(modules)
	generated(t, "modules", "```\n"+strings.Join(slices.Compact(modules), "\n")+"\n```\n")
}

// goList returns the lines that go list prints.
func goList(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		t.Fatalf("go list %v: %v\n%s", args, err, failed.Stderr)
	}
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}
