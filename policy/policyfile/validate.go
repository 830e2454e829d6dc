package policyfile

import (
	"strconv"
	"strings"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// validate notes what the configuration as a whole says is wrong with it, each at
// the place that it is about. Values that could not be read have left what stood
// there before, so that nothing is found of them.
func (d *decoder) validate(root *node, c policy.Config) {
	all := texts(c.Validate())
	if len(all) == 0 {
		return
	}
	methods := indexMethods(root.get("methods"))
	for _, text := range all {
		p := &place{node: root, line: root.line, methods: methods}
		p.find(strings.TrimPrefix(text, "policy: "))
		if strings.HasSuffix(p.path, ".pattern") && p.node.kind == null {
			continue // that it is missing is known
		}
		d.fault(p.line, p.path, "%s", p.rest)
	}
}

// indexes are those of the first and of the last section with a pattern.
type indexes struct{ first, last int }

// indexMethods returns where the sections of methods are, by pattern; by "" those
// without one.
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

// texts returns the texts of the errors that were joined.
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

// place is where a message of package policy belongs.
type place struct {
	node *node // of the section or the value; null beyond what the file says
	line int
	path string
	rest string // of the message

	methods map[string]indexes
}

// find follows a message, such as "method /a.S/*: Server: retries -1: want >= 0",
// into the file.
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
	for class := range codes.Class(codes.NumClasses) {
		if prefix := class.String() + ": "; strings.HasPrefix(p.rest, prefix) {
			section := *p
			p.enter("table", "")
			p.enter(class.String(), prefix)
			p.field(rowFields(&policy.Policy{}))
			if p.node.kind == null && strings.HasSuffix(p.rest, "with max attempts "+section.maxAttempts()) {
				section.enter("limits", "")
				section.enter("maxAttempts", "")
				p.line = section.line // the row is not in the file, or not its retries
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

// maxAttempts returns what the section says of the attempts of a call.
func (p *place) maxAttempts() string {
	if limits := p.node.get("limits"); limits != nil {
		if k := limits.value.get("maxAttempts"); k != nil {
			return k.value.text
		}
	}
	return ""
}

// findPattern goes to a pattern that is none.
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
	pattern, _ := strconv.Unquote(quoted) // what is quoted can be unquoted
	if at, ok := p.methods[pattern]; ok {
		p.item(at.first)
		p.enter("pattern", "")
		p.rest = shownQuoted(pattern) + rest[len(quoted):]
	}
	return true
}

// findMethod goes to the section of a method; the last one of its pattern, which
// is the one that a pattern given twice is about.
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

// item goes into an item of a list.
func (p *place) item(i int) {
	p.node = p.node.items[i]
	p.line, p.path = p.node.line, indexed(p.path, i)
}

// shownPattern returns a message of package policy with the pattern in it as messages
// show a name.
func shownPattern(message string) string {
	const before = "policy: method "
	if rest, ok := strings.CutPrefix(message, before); ok {
		pattern, rest, _ := strings.Cut(rest, ": ")
		return before + shown(pattern) + ": " + rest
	}
	return message
}

// enter goes into an entry of the section; where the file does not have it, the
// line stays that of what surrounds it.
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

// field goes to the field that the message begins with, and reports whether there
// is one.
func (p *place) field(fields []field) bool {
	for _, f := range fields {
		if prefix := f.words() + " "; strings.HasPrefix(p.rest, prefix) {
			p.enter(f.name, prefix)
			return true
		}
	}
	return false
}
