package reinvoke_test

import (
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	// A result in go test's cache counts no longer when one of these has changed.
	_ "github.com/reinvoke/reinvoke/interceptor/gapic"
	_ "github.com/reinvoke/reinvoke/interceptor/google"
	_ "github.com/reinvoke/reinvoke/interceptor/otelretry"
	_ "github.com/reinvoke/reinvoke/interceptor/rest"
	_ "github.com/reinvoke/reinvoke/policy/gate"
)

const (
	surface = "api/v0.txt"
	module  = "github.com/reinvoke/reinvoke/"
)

// TestAPI_surface: api/v0.txt lists what the packages export, so that a change of it
// shows in a diff. A line that goes breaks callers.
func TestAPI_surface(t *testing.T) {
	var lines []string
	for _, pkg := range exportedPackages(t) {
		for _, line := range exports(pkg) {
			lines = append(lines, "pkg "+strings.TrimPrefix(pkg.Path(), module)+", "+line)
		}
	}
	if len(lines) < 300 {
		t.Fatalf("the packages export %d names, want at least 300: they were not read", len(lines))
	}
	old, _ := os.ReadFile(surface) // a missing one is stale too
	was := strings.Split(strings.TrimSpace(string(old)), "\n")
	for _, line := range was {
		if !slices.Contains(lines, line) {
			t.Log("- " + line)
		}
	}
	for _, line := range lines {
		if !slices.Contains(was, line) {
			t.Log("+ " + line)
		}
	}
	same(t, surface, old, []byte(strings.Join(lines, "\n")+"\n"))
}

// exportedPackages returns the packages that other modules may import, from the
// compiler's export data.
func exportedPackages(t *testing.T) (pkgs []*types.Package) {
	t.Helper()
	var paths []string
	for _, path := range goList(t, "./...") {
		rest := strings.TrimPrefix(path, module)
		if !strings.Contains(rest, "internal/") && !strings.HasPrefix(rest, "bench") && !strings.HasPrefix(rest, "examples/") && !strings.Contains(rest, "/tests/") && rest != path {
			paths = append(paths, path)
		}
	}
	files := map[string]string{}
	of := goList(t, append([]string{"-export", "-deps", "-f", "{{with .Export}}{{$.ImportPath}} {{.}}{{end}}"}, paths...)...)
	for i := 0; i+1 < len(of); i += 2 {
		files[of[i]] = of[i+1]
	}
	from := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
	for _, path := range paths {
		pkg, err := from.Import(path)
		if err != nil {
			t.Fatalf("import %s: %v", path, err)
		}
		pkgs = append(pkgs, pkg)
	}
	return pkgs
}

// exports returns a line for each exported name of a package, sorted.
func exports(pkg *types.Package) []string {
	lines := map[string]bool{}
	add := func(format string, args ...any) { lines[fmt.Sprintf(format, args...)] = true }
	in := relativeTo(pkg)
	for _, name := range pkg.Scope().Names() {
		obj := pkg.Scope().Lookup(name)
		if !obj.Exported() {
			continue
		}
		typ, isType := obj.(*types.TypeName)
		if !isType {
			line := types.ObjectString(obj, in)
			if c, ok := obj.(*types.Const); ok {
				line += " = " + c.Val().ExactString()
			}
			add("%s", line)
			continue
		}
		addType(add, typ, in)
	}
	return slices.Sorted(maps.Keys(lines))
}

// addType adds a type, its exported fields, and its exported methods with those that it
// gets from what it embeds.
func addType(add func(string, ...any), typ *types.TypeName, in types.Qualifier) {
	name := typ.Name()
	switch under := typ.Type().Underlying().(type) {
	case *types.Struct:
		add("type %s struct", name)
		for field := range under.Fields() {
			if field.Exported() && field.Embedded() {
				add("type %s struct, embedded %s", name, types.TypeString(field.Type(), in))
			} else if field.Exported() {
				add("type %s struct, %s %s", name, field.Name(), types.TypeString(field.Type(), in))
			}
		}
	case *types.Interface:
		add("type %s interface", name)
		for method := range under.Methods() {
			if !method.Exported() {
				add("type %s interface, unexported methods", name)
				continue
			}
			add("type %s interface, %s%s", name, method.Name(), signature(method, in))
		}
		return
	default:
		add("%s", types.ObjectString(typ, in))
	}
	byValue := types.NewMethodSet(typ.Type())
	for selection := range types.NewMethodSet(types.NewPointer(typ.Type())).Methods() {
		method := selection.Obj().(*types.Func)
		if !method.Exported() {
			continue
		}
		receiver := "*" + name
		if byValue.Lookup(nil, method.Name()) != nil {
			receiver = name
		}
		add("method (%s) %s%s", receiver, method.Name(), signature(method, in))
	}
}

// signature returns the parameters and results of a method.
func signature(method *types.Func, in types.Qualifier) string {
	return strings.TrimPrefix(types.TypeString(method.Type(), in), "func")
}

// relativeTo names the types of other packages as the source does.
func relativeTo(pkg *types.Package) types.Qualifier {
	return func(of *types.Package) string {
		switch {
		case of == pkg:
			return ""
		case of.Path() == "google.golang.org/grpc/codes":
			return "grpccodes"
		}
		return of.Name()
	}
}
