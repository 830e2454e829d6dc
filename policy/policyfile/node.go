package policyfile

import "strings"

// node is a value in a file, whichever language it is written in, and where.
type node struct {
	kind  kind
	line  int
	text  string // of a scalar
	keys  []key  // of an object, in the order of the file
	items []*node
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

// get returns the entry with the name, or nil.
func (n *node) get(name string) *key {
	if n == nil {
		return nil
	}
	for i := range n.keys {
		if n.keys[i].name == name {
			return &n.keys[i]
		}
	}
	return nil
}

// describe says what the value is, for a message.
func (n *node) describe() string {
	const shown = 60
	switch n.kind {
	case null:
		return "nothing"
	case object:
		return "a section"
	case list:
		return "a list"
	case quoted:
		return `"` + cut(n.text, shown) + `"`
	default:
		return cut(n.text, shown)
	}
}

// cut shortens a text to a number of bytes, and puts it on one line.
func cut(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
