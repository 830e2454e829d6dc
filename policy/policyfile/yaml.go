package policyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// parseYAML reads a YAML document.
func parseYAML(data []byte) (*node, error) {
	if n := bytes.Count(data, []byte("%TAG")) + bytes.Count(data, []byte("%\x00T")); n > mostDirectives {
		return nil, &Error{Line: 1, Problem: fmt.Sprintf("%d times %%TAG: want a file of policies", n)}
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return &node{line: 1}, nil
	case err != nil:
		return nil, explainYAML(data, err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		if err != nil {
			return nil, explainYAML(data, err)
		}
		return nil, &Error{Line: more.Line, Problem: "a second document: want one"}
	}
	return new(tree).node(doc.Content[0], nil)
}

// mostDirectives is the most occurrences of %TAG in a file, in UTF-8 or UTF-16. The parser
// compares each directive with all earlier directives. Judgement: a policy file has none.
const mostDirectives = 100

// tree converts the parser's nodes, counting nodes and bytes of text: aliases of aliases could
// expand to more than fits into memory.
type tree struct{ nodes, text, depth int }

// mostNodes is more than a file of MaxSize can contain without aliases.
const mostNodes = MaxSize

// mostText is more bytes than a file of MaxSize can contain without aliases: no escape expands
// to more than 1.5 times its own bytes. Judgement: the rest is for some thousand methods
// sharing a table by alias.
const mostText = 4 * MaxSize

// yamlLine finds the line number in an error of the parser.
var yamlLine = regexp.MustCompile(`\bline (\d+)`)

// explainYAML returns a syntax error with its line. The parser reports a tab in several ways,
// such as "character that cannot start any token".
func explainYAML(data []byte, err error) error {
	e := &Error{Problem: "not YAML: " + printable(cut(err.Error(), 200))}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1]) // always digits; on overflow there is no such line
	}
	if indentedByTab(data, e.Line) {
		e.Problem = "not YAML: a tab in the indentation: want spaces"
	}
	return e
}

// indentedByTab reports whether line number, counted from 1, has a tab in its indentation.
func indentedByTab(data []byte, number int) bool {
	for line := range bytes.Lines(data) {
		if number--; number == 0 {
			text := bytes.TrimLeft(line, " \t-") // the dash of an item counts as indentation
			return bytes.IndexByte(line[:len(line)-len(text)], '\t') >= 0
		}
	}
	return false
}

// node converts a node of the parser. within holds the enclosing aliases: an alias must not
// contain itself.
func (t *tree) node(y *yaml.Node, within []*yaml.Node) (*node, error) {
	if t.nodes++; t.nodes > mostNodes {
		return nil, &Error{Line: y.Line, Problem: fmt.Sprintf("more than %d values with its aliases: want a file of policies", mostNodes)}
	}
	if t.depth++; t.depth > mostDepth {
		return nil, tooDeep(y.Line)
	}
	defer func() { t.depth-- }()
	n := &node{line: y.Line}
	switch y.Kind {
	case yaml.AliasNode:
		if slices.Contains(within, y.Alias) { // at most mostDepth aliases
			return nil, &Error{Line: y.Line, Problem: "*" + shown(y.Value) + ": stands within itself"}
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
		if err := t.read(y); err != nil {
			return nil, err
		}
		switch {
		case y.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
			n.kind = quoted
		case y.Tag != "!!null":
			n.kind = word
		}
	}
	return n, nil
}

// read counts the text of a scalar or of a key.
func (t *tree) read(y *yaml.Node) error {
	if t.text += len(y.Value); t.text > mostText {
		return &Error{Line: y.Line, Problem: fmt.Sprintf("more than %d bytes of text with its aliases: want a file of policies", mostText)}
	}
	return nil
}

// mapping adds the entries of a mapping, and the merged entries ("<<").
func (t *tree) mapping(n *node, y *yaml.Node, within []*yaml.Node) error {
	var merged []*node
	for i := 0; i+1 < len(y.Content); i += 2 {
		name := y.Content[i]
		if err := t.read(name); err != nil {
			return err
		}
		value, err := t.node(y.Content[i+1], within)
		if err != nil {
			return err
		}
		if name.Kind != yaml.ScalarNode {
			return &Error{Line: name.Line, Problem: "a key that is no word: want the name of a field"}
		}
		switch {
		case name.Tag != "!!merge" && strings.TrimSpace(name.Value) != "<<":
			n.add(key{name.Value, name.Line, value})
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
			if n.get(k.name) == nil { // the mapping's own entries take precedence
				n.add(k)
			}
		}
	}
	return nil
}
