package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// suite is a package, and the tests to run in it.
type suite struct {
	pkg   string // as for go test
	tests []string
}

var declared = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// suites returns the packages with tests of these names, sorted: interceptor, interceptor/rest and
// the folders under interceptor/tests. A name without a test is an error, since nothing would catch the
// defect.
func suites(names string) ([]suite, error) {
	files, err := filepath.Glob("interceptor/*_test.go")
	if err != nil {
		return nil, err
	}
	for _, pattern := range []string{"interceptor/tests/*/*_test.go", "interceptor/rest/*_test.go"} {
		deeper, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		files = append(files, deeper...)
	}
	missing := map[string]bool{}
	for _, name := range strings.Split(names, "|") {
		missing[name] = true
	}
	found := map[string][]string{}
	wanted := maps.Clone(missing)
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // the files of the tests
		if err != nil {
			return nil, err
		}
		pkg := "./" + filepath.ToSlash(filepath.Dir(file))
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			if wanted[m[1]] {
				found[pkg] = append(found[pkg], m[1])
				delete(missing, m[1])
			}
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("no test is called %s", strings.Join(slices.Sorted(maps.Keys(missing)), " or "))
	}
	var all []suite
	for _, pkg := range slices.Sorted(maps.Keys(found)) {
		all = append(all, suite{pkg, found[pkg]})
	}
	return all, nil
}
