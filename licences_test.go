package reinvoke_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDocs_licences: the page lists the licences of the modules that ./... needs, as
// their files in the module cache have them.
func TestDocs_licences(t *testing.T) {
	// The list is the same on every machine.
	t.Setenv("GOOS", "linux")
	t.Setenv("GOARCH", "amd64")
	t.Setenv("CGO_ENABLED", "0")
	type module struct{ version, dir, by string }
	modules := map[string]module{}
	for _, of := range [][]string{
		{"`interceptor`", "./interceptor"},
		{"`policy/policyfile`", "./policy/policyfile"},
		{"`interceptor/otelretry`", "./interceptor/otelretry"},
		{"`interceptor/gapic`", "./interceptor/gapic"},
		{"programs", "./..."},
		{"tests", "-test", "./..."},
	} {
		const format = "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}"
		fields := goList(t, append([]string{"-deps", "-f", format}, of[1:]...)...)
		for m := range slices.Chunk(fields, 3) {
			if _, found := modules[m[0]]; !found {
				modules[m[0]] = module{version: m[1], dir: m[2], by: of[0]}
			}
		}
	}
	var rows []string
	for path, m := range modules {
		licence, notices := licences(t, m.dir)
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s | %s |\n", path, m.version, licence, notices, m.by))
	}
	slices.Sort(rows)
	generated(t, "licences", "| module | version | licence | notices | for |\n|---|---|---|---|---|\n"+strings.Join(rows, ""))
}

// licences returns the licences of the module in dir, and the files with notices that
// have to be passed on.
func licences(t *testing.T, dir string) (names, notices string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found, beside []string
	for _, file := range files {
		name := strings.ToUpper(file.Name())
		switch {
		case strings.HasPrefix(name, "LICENSE"), strings.HasPrefix(name, "LICENCE"), strings.HasPrefix(name, "COPYING"):
			text := string(read(t, filepath.Join(dir, file.Name())))
			of := licencesIn(text)
			if len(of) == 0 {
				t.Errorf("%s of %s is neither Apache-2.0, MIT nor BSD", file.Name(), dir)
			}
			found = append(found, of...)
		case strings.HasPrefix(name, "NOTICE"):
			beside = append(beside, file.Name())
		}
	}
	if len(found) == 0 {
		t.Errorf("%s has no licence that is known", dir)
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " and "), strings.Join(beside, ", ")
}

// licencesIn returns the SPDX names of the licences that a text has.
func licencesIn(text string) (names []string) {
	text = strings.Join(strings.Fields(text), " ")
	has := func(part string) bool { return strings.Contains(text, part) }
	if has("Apache License Version 2.0, January 2004") {
		names = append(names, "Apache-2.0")
	}
	if has("Permission is hereby granted, free of charge, to any person obtaining a copy") {
		names = append(names, "MIT")
	}
	switch {
	case !has("Redistribution and use in source and binary forms, with or without modification, are permitted"):
	case has("endorse or promote products derived from this software"):
		names = append(names, "BSD-3-Clause")
	default:
		names = append(names, "BSD-2-Clause")
	}
	return names
}

// TestLicences_known: the licences are told apart, and one that is none of them is
// found.
func TestLicences_known(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"Apache License\n   Version 2.0, January 2004", "[Apache-2.0]"},
		{"Permission is hereby granted, free of charge, to any\nperson obtaining a copy of this", "[MIT]"},
		{"Redistribution and use in source and binary forms, with or without\nmodification, are permitted", "[BSD-2-Clause]"},
		{"GNU LESSER GENERAL PUBLIC LICENSE Version 3", "[]"},
		{"Mozilla Public License Version 2.0", "[]"},
	} {
		if got := fmt.Sprint(licencesIn(c.text)); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
}
