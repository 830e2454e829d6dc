package policyfile

import (
	"bytes"
	"io"

	"github.com/reinvoke/reinvoke/policy"
)

// MaxSize is the most bytes in a file: 1 MiB, the limit of a Kubernetes ConfigMap. A larger
// file is a mistake.
const MaxSize = 1 << 20

// Load reads a configuration in YAML or JSON. The error joins one [*Error] per fault: the first
// 20, sorted by line, and then the number of the others. With an error, the configuration is
// the zero value, which never retries.
func Load(r io.Reader) (policy.Config, error) {
	data, err := readAll(r)
	if err != nil {
		return policy.Config{}, &Error{File: nameOf(r), Problem: err.Error()}
	}
	return parse(nameOf(r), data)
}

// LoadFile is [Load] for a file. LoadFile opens anything the system can open, such as a named
// pipe, and waits for the data; [Watch] accepts only regular files.
func LoadFile(path string) (policy.Config, error) {
	data, err := readFile(path)
	if err != nil {
		return policy.Config{}, err
	}
	return parse(path, data)
}

// nameOf returns the name of an *os.File or a similar reader.
func nameOf(r io.Reader) string {
	if f, ok := r.(interface{ Name() string }); ok {
		return f.Name()
	}
	return ""
}

// parseNode reads a document in YAML or JSON.
func parseNode(data []byte) (*node, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !looksLikeJSON(data) {
		return parseYAML(data)
	}
	n, err := parseJSON(data)
	if err != nil { // YAML with a similar beginning: {"a": b}
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
