package policyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// parseYAML reads a document of YAML.
func parseYAML(data []byte) (*node, error) {
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return &node{line: 1}, nil
	case err != nil:
		return nil, explainYAML(err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, explainYAML(err)
		}
		return nil, &Error{Line: more.Line, Problem: "a second document: want one"}
	}
	return new(tree).node(doc.Content[0], nil)
}

// tree makes nodes of the parser's, and counts them: aliases of aliases could stand
// for more than fits into memory.
type tree struct{ nodes int }

// mostNodes is more than a file of MaxSize can have without aliases.
const mostNodes = MaxSize

// yamlLine finds the line in an error of the parser.
var yamlLine = regexp.MustCompile(`\bline (\d+)`)

// explainYAML returns a syntax error with its line.
func explainYAML(err error) error {
	e := &Error{Problem: "not YAML: " + cut(err.Error(), 200)}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1]) // digits; more than fit are no line
	}
	return e
}

// node makes a node of one of the parser's. within are the aliases that it stands in,
// which must not contain themselves.
func (t *tree) node(y *yaml.Node, within []*yaml.Node) (*node, error) {
	if t.nodes++; t.nodes > mostNodes {
		return nil, &Error{Line: y.Line, Problem: fmt.Sprintf("more than %d values with its aliases: want a file of policies", mostNodes)}
	}
	n := &node{line: y.Line}
	switch y.Kind {
	case yaml.AliasNode:
		for _, outer := range within {
			if outer == y.Alias {
				return nil, &Error{Line: y.Line, Problem: "*" + y.Value + ": stands within itself"}
			}
		}
		target, err := t.node(y.Alias, append(within, y.Alias))
		if err == nil {
			target.line = y.Line
		}
		return target, err
	case yaml.MappingNode:
		n.kind = object
		return n, t.mapping(n, y, within)
	case yaml.SequenceNode:
		n.kind = list
		for _, item := range y.Content {
			child, err := t.node(item, within)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, child)
		}
	default:
		n.text = y.Value
		switch {
		case y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
			n.kind = quoted
		case y.Tag != "!!null":
			n.kind = word
		}
	}
	return n, nil
}

// mapping adds the entries of a mapping, and those that it merges ("<<").
func (t *tree) mapping(n *node, y *yaml.Node, within []*yaml.Node) error {
	var merged []*node
	for i := 0; i+1 < len(y.Content); i += 2 {
		name := y.Content[i]
		value, err := t.node(y.Content[i+1], within)
		if err != nil {
			return err
		}
		if name.Kind != yaml.ScalarNode {
			return &Error{Line: name.Line, Problem: "a key that is no word: want the name of a field"}
		}
		switch {
		case name.Tag != "!!merge" && strings.TrimSpace(name.Value) != "<<":
			n.keys = append(n.keys, key{name.Value, name.Line, value})
		case value.kind == list:
			merged = append(merged, value.items...)
		default:
			merged = append(merged, value)
		}
	}
	for _, m := range merged {
		if m.kind != object {
			return &Error{Line: m.line, Problem: "<<: " + m.describe() + ": want a section"}
		}
		for _, k := range m.keys {
			if n.get(k.name) == nil { // its own count more
				n.keys = append(n.keys, k)
			}
		}
	}
	return nil
}
