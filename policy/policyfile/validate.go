package policyfile

import (
	"strconv"
	"strings"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// validate records the errors of the configuration as a whole, each at its place in the file.
// Unreadable values have left the previous value unchanged, and so cause no further errors
// here.
func (d *decoder) validate(root *node, c policy.Config) {
	all := texts(c.Validate())
	if len(all) == 0 {
		return
	}
	methods := indexMethods(root.get("methods"))
	for _, text := range all {
		p := &place{node: root, line: root.line, methods: methods}
		p.find(strings.TrimPrefix(text, "policy: "))
		if strings.HasPrefix(p.path, "methods") && strings.HasSuffix(p.path, ".pattern") && p.node.kind == null {
			continue // a missing pattern was reported before
		}
		d.fault(p.line, p.path, "%s", p.rest)
	}
}

// indexes are the positions of the first and the last section with a pattern.
type indexes struct{ first, last int }

// indexMethods returns the positions of the method sections by pattern: under "" the sections
// without a pattern.
func indexMethods(methods *key) map[string]indexes {
	all := map[string]indexes{}
	if methods == nil {
		return all
	}
	for i, item := range methods.value.items {
		pattern := ""
		if k := item.get("pattern"); k != nil {
			pattern = k.value.text
		}
		at, again := all[pattern]
		if !again {
			at.first = i
		}
		at.last = i
		all[pattern] = at
	}
	return all
}

// texts returns the texts of all joined errors.
func texts(err error) []string {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []string
		for _, err := range joined.Unwrap() {
			all = append(all, texts(err)...)
		}
		return all
	}
	return []string{err.Error()}
}

// place is a place in the file, with the message of package policy to report there.
type place struct {
	node *node // the section or value; null if missing in the file
	line int
	path string
	rest string // remaining part of the message

	methods map[string]indexes
}

// find locates the place of a message, such as "method /a.S/*: Server: retries -1: want >= 0",
// in the file.
func (p *place) find(message string) {
	p.rest = message
	switch {
	case p.findPattern(), p.findMethod():
	case strings.HasPrefix(p.rest, "gate: "):
		p.enter("gate", "gate: ")
		p.field(gateFields(&policy.GateConfig{}))
		return
	case strings.HasPrefix(p.rest, "budget: "):
		p.enter("budget", "budget: ")
		p.field(budgetFields(&policy.BudgetConfig{}))
		return
	}
	if p.findItem("target ", "targets") {
		return
	}
	if p.findItem("quota ", "quotas") {
		p.field(quotaFields(&policy.Quota{}))
		return
	}
	for class := range codes.Class(codes.NumClasses) {
		if prefix := class.String() + ": "; strings.HasPrefix(p.rest, prefix) {
			section := *p
			p.enter("table", "")
			p.enter(class.String(), prefix)
			p.field(rowFields(&policy.Policy{}))
			if p.node.kind == null && strings.HasSuffix(p.rest, "with max attempts "+section.maxAttempts()) {
				section.enter("limits", "")
				section.enter("maxAttempts", "")
				p.line = section.line // the file has no such row, or no retries in the row
			}
			return
		}
	}
	for _, section := range []struct {
		name   string
		fields []field
	}{
		{"limits", limitFields(&policy.Limits{})},
		{"", methodFields(&policy.Method{})},
		{"hedge", hedgeFields(&policy.Hedge{})},
	} {
		inside := *p
		if section.name != "" {
			inside.enter(section.name, "")
			inside.rest = strings.TrimPrefix(inside.rest, section.name+" ")
		}
		if inside.field(section.fields) {
			*p = inside
			return
		}
	}
}

// maxAttempts returns the maxAttempts written in the section, or "".
func (p *place) maxAttempts() string {
	if limits := p.node.get("limits"); limits != nil {
		if k := limits.value.get("maxAttempts"); k != nil {
			return k.value.text
		}
	}
	return ""
}

// findPattern moves to an invalid pattern.
func (p *place) findPattern() bool {
	rest, ok := strings.CutPrefix(p.rest, "method pattern ")
	if !ok {
		return false
	}
	p.enter("methods", "")
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return true
	}
	pattern, _ := strconv.Unquote(quoted) // quoted text can always be unquoted
	if at, ok := p.methods[pattern]; ok {
		p.item(at.first)
		p.enter("pattern", "")
		p.rest = shownQuoted(pattern) + rest[len(quoted):]
	}
	return true
}

// findMethod moves to the section of a method: the last with its pattern, where a repeated
// pattern is reported.
func (p *place) findMethod() bool {
	rest, ok := strings.CutPrefix(p.rest, "method ")
	if !ok {
		return false
	}
	p.enter("methods", "")
	pattern, rest, _ := strings.Cut(rest, ": ") // a pattern has no blanks
	if at, ok := p.methods[pattern]; ok {
		p.item(at.last)
		p.rest = rest
	}
	return true
}

// findItem moves to a numbered section of a list.
func (p *place) findItem(prefix, name string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	if !ok {
		return false
	}
	number, rest, _ := strings.Cut(rest, ": ")
	p.enter(name, "")
	if n, err := strconv.Atoi(number); err == nil && n <= len(p.node.items) {
		p.item(n - 1)
		p.rest = rest
	}
	return true
}

// item moves to a list item.
func (p *place) item(i int) {
	p.node = p.node.items[i]
	p.line, p.path = p.node.line, indexed(p.path, i)
}

// shownPattern returns a message of package policy with its pattern shortened for display.
func shownPattern(message string) string {
	const before = "policy: method "
	if rest, ok := strings.CutPrefix(message, before); ok {
		pattern, rest, _ := strings.Cut(rest, ": ")
		return before + shown(pattern) + ": " + rest
	}
	return message
}

// enter moves to an entry of the section. If the file lacks the entry, the line of the
// enclosing section stays.
func (p *place) enter(name, prefix string) {
	p.path = join(p.path, name)
	p.rest = strings.TrimPrefix(p.rest, prefix)
	k := p.node.get(name)
	if k == nil {
		p.node = &node{}
		return
	}
	p.node, p.line = k.value, k.line
}

// field moves to the field named at the beginning of the message, and reports whether there is
// such a field.
func (p *place) field(fields []field) bool {
	for _, f := range fields {
		if prefix := f.words() + " "; strings.HasPrefix(p.rest, prefix) {
			p.enter(f.name, prefix)
			return true
		}
	}
	return false
}
