package codes

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestNames_noneIsGRPCs makes sure that a file which imports the wrong one of
// the two packages named codes does not compile.
func TestNames_noneIsGRPCs(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "google.golang.org/grpc/codes").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	theirs := exported(t, strings.TrimSpace(string(dir)))
	for _, name := range []string{"OK", "Unavailable", "Code"} {
		if !theirs[name] {
			t.Fatalf("google.golang.org/grpc/codes has no %s: its names were not read", name)
		}
	}
	ours := exported(t, ".")
	for _, name := range []string{"Classify", "Quota", "NumClasses", "Failure"} {
		if !ours[name] {
			t.Fatalf("this package has no %s: its names were not read", name)
		}
	}
	for name := range ours {
		if theirs[name] {
			t.Errorf("both packages export %s", name)
		}
	}
}

// exported returns the exported names that a package declares at top level.
func exported(t *testing.T, dir string) map[string]bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			declared(decl, names)
		}
	}
	return names
}

// declared adds the exported names of a declaration.
func declared(decl ast.Decl, names map[string]bool) {
	add := func(ids ...*ast.Ident) {
		for _, id := range ids {
			if id.IsExported() {
				names[id.Name] = true
			}
		}
	}
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			add(decl.Name)
		}
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				add(spec.Name)
			case *ast.ValueSpec:
				add(spec.Names...)
			}
		}
	}
}

func TestRules_areWellFormed(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	classes := make(map[string]Class)
	for i, r := range Rules() {
		if !name.MatchString(r.Name) {
			t.Errorf("row %d: name %q: want lower case words joined by hyphens", i, r.Name)
		}
		if SourceOf(r.Name) == "" {
			t.Errorf("SourceOf(%s) is empty", r.Name)
		}
		if r.Source == "" {
			t.Errorf("row %s has no source", r.Name)
		}
		if r.Class == None || r.Class >= NumClasses {
			t.Errorf("row %s has class %v", r.Name, r.Class)
		}
		if was, ok := classes[r.Name]; ok && was != r.Class {
			t.Errorf("row %s is of class %v here, %v before", r.Name, r.Class, was)
		}
		classes[r.Name] = r.Class
		if r.Infer < 0 || r.MinHint < 0 {
			t.Errorf("row %s: infer %v, least hint %v: want none below zero", r.Name, r.Infer, r.MinHint)
		}
	}
}

func TestClass_names(t *testing.T) {
	for c := range Class(NumClasses) {
		text, err := c.MarshalText()
		if err != nil {
			t.Fatalf("%d: %v", c, err)
		}
		var back Class
		if err := back.UnmarshalText(text); err != nil || back != c {
			t.Errorf("%s comes back as %v, %v", text, back, err)
		}
	}
	const beyond = Class(NumClasses)
	if got, want := beyond.String(), "Class(12)"; got != want {
		t.Errorf("String of no class is %q, want %q", got, want)
	}
	if text, err := beyond.MarshalText(); err == nil {
		t.Errorf("MarshalText of no class is %q, want an error", text)
	}
	for _, name := range []string{"", "quota", " Quota", "Class(1)"} {
		c := Other
		if err := c.UnmarshalText([]byte(name)); err == nil || c != Other {
			t.Errorf("UnmarshalText(%q) gives %v, %v; want Other untouched and an error", name, c, err)
		}
	}
}

func TestReach_names(t *testing.T) {
	for r, want := range map[Reach]string{Lost: "Lost", Unsent: "Unsent", Answered: "Answered", 3: "Reach(3)"} {
		text, err := r.MarshalText()
		if err != nil || string(text) != want || r.String() != want {
			t.Errorf("%d is %q, %q, %v; want %q", uint8(r), r, text, err, want)
		}
	}
}
