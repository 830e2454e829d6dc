package policyfile

import (
	"slices"
	"strings"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// decoder turns nodes into a configuration, and collects the faults found.
type decoder struct {
	faults
	unused faults // parts of a service config that are ignored or changed
}

// part reads an entry of a section that is no plain value.
type part func(k *key, path string)

// section reads the fields and parts of a section, by name.
func (d *decoder) section(n *node, path string, fields []field, parts map[string]part) {
	if n.kind == null {
		return
	}
	if n.kind != object {
		d.fault(n.line, path, "%s: want a section with %s", n.describe(), names(fields, parts))
		return
	}
	known := make(map[string]field, len(fields))
	for _, f := range fields {
		known[f.name] = f
	}
	want := "" // built once, and only for a fault
	for i := range n.keys {
		k := &n.keys[i]
		at := join(path, k.name)
		if first := n.get(k.name); first != k {
			d.fault(k.line, at, "given twice, first in line %d: want one", first.line)
		} else if read := parts[k.name]; read != nil {
			read(k, at)
		} else if f, ok := known[k.name]; ok {
			d.value(k, at, f)
		} else {
			if want == "" {
				want = names(fields, parts)
			}
			d.fault(k.line, at, "unknown: want %s", want)
		}
	}
}

// value reads a value into its field.
func (d *decoder) value(k *key, path string, f field) {
	err := f.set(k.value)
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			d.fault(k.line, path, "%v", err)
		}
	} else if err != nil {
		d.fault(k.line, path, "%v", err)
	}
}

// names lists the possible entries of a section.
func names(fields []field, parts map[string]part) string {
	var all []string
	for _, f := range fields {
		all = append(all, f.name)
	}
	for name := range parts {
		all = append(all, name)
	}
	slices.Sort(all)
	if len(all) == 1 {
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// join returns the path of an entry.
func join(path, name string) string {
	if path == "" {
		return shown(name)
	}
	return path + "." + shown(name)
}

// config reads the whole file.
func (d *decoder) config(root *node) policy.Config {
	c := policy.DefaultConfig()
	if root.kind == null || (root.kind == object && len(root.keys) == 0) {
		d.fault(root.line, "", "empty: want base, table, limits, budget, gate, targets, quotas or methods") // or the file is still being written
		return c
	}
	if k := root.get("base"); k != nil {
		d.base(k, &c)
	}
	if k := root.get("table"); k != nil { // before the methods, because their rows start as copies
		d.table(k.value, "table", &c.Table, func(codes.Class) {})
	}
	d.section(root, "", nil, map[string]part{
		"base":    func(*key, string) {},
		"table":   func(*key, string) {},
		"limits":  func(k *key, path string) { d.section(k.value, path, limitFields(&c.Limits), nil) },
		"budget":  func(k *key, path string) { d.section(k.value, path, budgetFields(&c.Budget), nil) },
		"gate":    func(k *key, path string) { d.section(k.value, path, gateFields(&c.Gate), nil) },
		"targets": func(k *key, path string) { c.Targets = d.places(k.value, path) },
		"quotas":  func(k *key, path string) { c.Quotas = d.quotas(k.value, path) },
		"methods": func(k *key, path string) { d.methods(k.value, path, &c) },
	})
	return c
}

// base reads the name of the base configuration.
func (d *decoder) base(k *key, c *policy.Config) {
	switch {
	case k.value.kind != word && k.value.kind != quoted:
	case k.value.text == "default":
		return
	case k.value.text == "fleet":
		*c = policy.FleetConfig()
		return
	}
	d.fault(k.line, "base", "%s: want default or fleet", k.value.describe())
}

// table reads rows into t, and calls given for each row.
func (d *decoder) table(n *node, path string, t *policy.Table, given func(codes.Class)) {
	rows := map[string]part{}
	for class := codes.None + 1; class < codes.NumClasses; class++ {
		rows[class.String()] = func(k *key, path string) {
			d.row(k.value, path, &t[class])
			given(class)
		}
	}
	if n.kind == null || (n.kind == object && len(n.keys) == 0) {
		d.fault(n.line, path, "empty: want a row for a class, as \"Server: {retries: 2}\", or no table") // or its rows are not indented
		return
	}
	d.section(n, path, nil, rows)
}

// row reads a row; fields left out keep their values.
func (d *decoder) row(n *node, path string, p *policy.Policy) {
	switch {
	case n.kind == word && n.text == never:
		*p = policy.Policy{}
	case n.kind != object && n.kind != null:
		d.fault(n.line, path, "%s: want %s, or a section with %s", n.describe(), never, names(rowFields(p), nil))
	default:
		d.section(n, path, rowFields(p), nil)
	}
}

// never is the word for a row without retries.
const never = "never"

// methods reads the list of method sections.
func (d *decoder) methods(n *node, path string, c *policy.Config) {
	if n.kind != list && n.kind != null {
		d.fault(n.line, path, "%s: want a list of sections, each with a pattern", n.describe())
		return
	}
	for i, item := range n.items {
		c.Methods = append(c.Methods, d.method(item, indexed(path, i), c))
	}
}

// places reads the list of targets.
func (d *decoder) places(n *node, path string) []policy.Place {
	return sections(d, n, path, `targets, such as "- model: models/gemini-2.5-flash"`, placeFields)
}

// quotas reads the list of limits.
func (d *decoder) quotas(n *node, path string) []policy.Quota {
	return sections(d, n, path, `limits, such as "- {pattern: models/gemini-2.5-*, requests: 1000}"`, quotaFields)
}

// sections reads a list of sections with these fields.
func sections[T any](d *decoder, n *node, path, what string, fields func(*T) []field) []T {
	if n.kind != list && n.kind != null {
		d.fault(n.line, path, "%s: want a list of %s", n.describe(), what)
		return nil
	}
	all := make([]T, len(n.items))
	for i, item := range n.items {
		if item.kind != object {
			d.fault(item.line, indexed(path, i), "%s: want a section with %s", item.describe(), names(fields(&all[i]), nil))
			continue
		}
		d.section(item, indexed(path, i), fields(&all[i]), nil)
	}
	return all
}

// method reads one method section.
func (d *decoder) method(n *node, path string, c *policy.Config) (m policy.Method) {
	if n.kind == object && n.get("pattern") == nil || n.kind == null {
		d.fault(n.line, path, `no pattern: want one, such as "/package.Service/Method" or "/package.Service/*"`)
	}
	d.section(n, path, methodFields(&m), map[string]part{
		"pattern": func(k *key, path string) {
			if k.value.kind != word && k.value.kind != quoted {
				d.fault(k.line, path, `%s: want a pattern, such as "/package.Service/*"`, k.value.describe())
			}
			m.Pattern = k.value.text
		},
		"table": func(k *key, path string) {
			table := c.Table
			rows := map[codes.Class]policy.Policy{}
			var given []codes.Class
			d.table(k.value, path, &table, func(class codes.Class) { given = append(given, class) })
			for _, class := range given {
				rows[class] = table[class]
			}
			if len(rows) > 0 {
				m.Rows = rows
			}
		},
		"limits":  func(k *key, path string) { d.section(k.value, path, limitFields(&m.Limits), nil) },
		"hedge":   func(k *key, path string) { d.section(k.value, path, hedgeFields(&m.Hedge), nil) },
		"targets": func(k *key, path string) { m.Targets = d.places(k.value, path) },
	})
	return m
}
