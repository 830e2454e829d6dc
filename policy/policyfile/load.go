package policyfile

import (
	"bytes"
	"io"

	"github.com/reinvoke/reinvoke/policy"
)

// MaxSize is the most bytes that a file may have: 1 MiB, what a ConfigMap of
// Kubernetes can hold. A larger one is a mistake.
const MaxSize = 1 << 20

// Load reads a configuration, in YAML or JSON. The error has one [*Error] for
// each fault, joined: the first 20, in the order of the lines, and after them the
// number of the others. Beside an error the configuration is the zero value, which
// never retries.
func Load(r io.Reader) (policy.Config, error) {
	data, err := readAll(r)
	if err != nil {
		return policy.Config{}, &Error{File: nameOf(r), Problem: err.Error()}
	}
	return parse(nameOf(r), data)
}

// LoadFile is [Load] for a file. It reads whatever the system can open, such as a
// named pipe, and waits for it; [Watch] takes regular files alone.
func LoadFile(path string) (policy.Config, error) {
	data, err := readFile(path)
	if err != nil {
		return policy.Config{}, err
	}
	return parse(path, data)
}

// nameOf returns the name of an *os.File and its like.
func nameOf(r io.Reader) string {
	if f, ok := r.(interface{ Name() string }); ok {
		return f.Name()
	}
	return ""
}

// parseNode reads a document, in whichever language it is written.
func parseNode(data []byte) (*node, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !looksLikeJSON(data) {
		return parseYAML(data)
	}
	n, err := parseJSON(data)
	if err != nil { // YAML that begins alike: {"a": b}
		if n, errYAML := parseYAML(data); errYAML == nil {
			return n, nil
		}
	}
	return n, err
}

// parse reads a configuration.
func parse(file string, data []byte) (policy.Config, error) {
	d := &decoder{faults: faults{file: file}}
	root, err := parseNode(data)
	if err != nil {
		d.add(err)
		return policy.Config{}, d.err()
	}
	if d.isServiceConfig(root) {
		return policy.Config{}, d.err()
	}
	c := d.config(root)
	d.validate(root, c)
	if err := d.err(); err != nil {
		return policy.Config{}, err
	}
	return c, nil
}
