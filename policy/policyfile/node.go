package policyfile

import (
	"fmt"
	"strconv"
)

// node is a value in a YAML or JSON file, with its line.
type node struct {
	kind  kind
	line  int
	text  string // of a scalar
	keys  []key  // of an object, in the order of the file
	items []*node

	index map[string]int // positions in keys by name, the first of equal names; built on first use
}

type kind uint8

const (
	null   kind = iota
	word        // a scalar without quotes: a number, true, or in YAML a plain word
	quoted      // a string in quotes
	object
	list
)

// key is an entry of an object.
type key struct {
	name  string
	line  int
	value *node
}

// mostDepth is the deepest nesting allowed in a file, since parsing is recursive. Judgement: a
// configuration has 6 levels, and the skipped parts of a service config may have more.
const mostDepth = 100

func tooDeep(line int) *Error {
	return &Error{Line: line, Problem: fmt.Sprintf("nested more than %d deep: want a file of policies", mostDepth)}
}

// get returns the entry with this name, or nil.
func (n *node) get(name string) *key {
	if n == nil {
		return nil
	}
	if n.index == nil && len(n.keys) > 0 {
		n.index = make(map[string]int, len(n.keys))
		for i := range n.keys {
			n.indexKey(i)
		}
	}
	if i, ok := n.index[name]; ok {
		return &n.keys[i]
	}
	return nil
}

// add adds an entry.
func (n *node) add(k key) {
	n.keys = append(n.keys, k)
	if n.index != nil {
		n.indexKey(len(n.keys) - 1)
	}
}

// indexKey adds an entry to the index. Of several entries with one name, the first counts.
func (n *node) indexKey(i int) {
	if _, ok := n.index[n.keys[i].name]; !ok {
		n.index[n.keys[i].name] = i
	}
}

// describe returns the value in words, for a message.
func (n *node) describe() string {
	const most = 60
	switch n.kind {
	case null:
		return "nothing"
	case object:
		return "a section"
	case list:
		return "a list"
	case quoted:
		return strconv.Quote(cut(n.text, most))
	default:
		return printable(cut(n.text, most))
	}
}
