package policyfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Marshal returns a YAML file for the configuration; [Load] reads an equal configuration back.
// Every figure is written out; zero figures with a default appear as comments. The error is
// from policy.Config.Validate.
func Marshal(c policy.Config) ([]byte, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	w := &writer{}
	w.line(0, "# What is retried, by class of failure. Delays are before jitter.")
	w.line(0, "table:")
	for class := codes.None + 1; class < codes.NumClasses; class++ {
		w.row(1, class, c.Table[class])
	}
	w.line(0, "# Bounds of every call.")
	limits := c.Limits
	w.section("limits", limitFields(&limits), limitFields(new(limits.Effective(&c.Table))))
	w.line(0, "# What all calls may spend on retries together, in tokens. Read when a connection is set up.")
	w.section("budget", budgetFields(&c.Budget), nil)
	w.line(0, "# When the calls of a channel wait together.")
	gate := c.Gate
	w.section("gate", gateFields(&gate), gateFields(new(gate.Effective())))
	if len(c.Targets) > 0 {
		w.line(0, "# Other places that calls may go to, in order of preference.")
		w.places(0, c.Targets)
	}
	if len(c.Quotas) > 0 {
		w.line(0, "# Limits of the server that calls keep to.")
		w.line(0, "quotas:")
	}
	for i := range c.Quotas {
		w.line(1, "- %s", flow(set(quotaFields(&c.Quotas[i]))))
	}
	if len(c.Methods) > 0 {
		w.line(0, "# The longest pattern that matches a method counts.")
		w.line(0, "methods:")
	}
	for i := range c.Methods {
		w.method(&c.Methods[i])
	}
	return w.Bytes(), nil
}

// writer writes lines of YAML.
type writer struct{ bytes.Buffer }

func (w *writer) line(depth int, format string, args ...any) {
	_, _ = fmt.Fprintf(w, strings.Repeat("  ", depth)+format+"\n", args...) // a bytes.Buffer never fails
}

// section writes a section with one line per field. With defaults, zero figures are written as
// comments with their default.
func (w *writer) section(name string, fields, defaults []field) {
	w.line(0, "%s:", name)
	for i, f := range fields {
		if defaults != nil && f.zero() {
			w.line(1, "# %s: %s # the default", f.name, defaults[i].text())
			continue
		}
		w.line(1, "%s: %s", f.name, f.text())
	}
}

// row writes a row of a table.
func (w *writer) row(depth int, class codes.Class, p policy.Policy) {
	if p == (policy.Policy{}) {
		if class != codes.Ended { // Ended is never retried anyway
			w.line(depth, "%v: %s", class, never)
		}
		return
	}
	w.line(depth, "%v: %s", class, flow(rowFields(&p)))
}

// flow returns the fields as a one-line section.
func flow(fields []field) string {
	var parts []string
	for _, f := range fields {
		parts = append(parts, f.name+": "+f.text())
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// method writes a method section, leaving out zero fields.
func (w *writer) method(m *policy.Method) {
	w.line(1, "- pattern: %s", quote(m.Pattern))
	section := *m
	for _, f := range methodFields(&section) {
		if !f.zero() {
			w.line(2, "%s: %s", f.name, f.text())
		}
	}
	if section.Hedge != (policy.Hedge{}) {
		w.line(2, "hedge: %s", flow(hedgeFields(&section.Hedge)))
	}
	if section.Limits != (policy.Limits{}) {
		w.line(2, "limits: %s", flow(set(limitFields(&section.Limits))))
	}
	if section.Targets != nil {
		w.places(2, section.Targets)
	}
	if len(m.Rows) > 0 {
		w.line(2, "table:")
	}
	for _, class := range slices.Sorted(maps.Keys(m.Rows)) {
		p := m.Rows[class]
		if p == (policy.Policy{}) {
			w.line(3, "%v: %s", class, never)
			continue
		}
		w.line(3, "%v: %s", class, flow(rowFields(&p)))
	}
}

// places writes a list of targets.
func (w *writer) places(depth int, places []policy.Place) {
	var items []string
	for _, p := range places {
		items = append(items, flow(set(placeFields(&p))))
	}
	w.line(depth, "targets: [%s]", strings.Join(items, ", "))
}

// set returns the fields that are set.
func set(fields []field) []field {
	return slices.DeleteFunc(fields, field.zero)
}

// quote returns text as a string literal for both YAML and JSON.
func quote(text string) string {
	quoted, _ := json.Marshal(text) // marshalling a string never fails
	return string(quoted)
}

// zero reports whether the field is unset. A plain bool, such as the gate's Hints, is always
// set.
func (f field) zero() bool {
	switch to := f.to.(type) {
	case **bool:
		return *to == nil
	case *int:
		return *to == 0
	case *int64:
		return *to == 0
	case *float64:
		return *to == 0
	case *time.Duration:
		return *to == 0
	case *policy.CodeSet:
		return *to == 0
	case *policy.Priority:
		return *to == 0
	case *string:
		return *to == ""
	default:
		return false
	}
}

// text returns the value as written in a file.
func (f field) text() string {
	switch to := f.to.(type) {
	case *bool:
		return strconv.FormatBool(*to)
	case **bool:
		return strconv.FormatBool(**to)
	case *int:
		return strconv.Itoa(*to)
	case *int64:
		return strconv.FormatInt(*to, 10)
	case *float64:
		return strconv.FormatFloat(*to, 'g', -1, 64)
	case *time.Duration:
		return duration(*to)
	case *policy.Jitter:
		return to.String()
	case *policy.Priority:
		return to.String()
	case *string:
		return quote(*to)
	case *policy.CodeSet:
		var names []string
		for _, code := range to.List() {
			names = append(names, codeName(code))
		}
		return "[" + strings.Join(names, ", ") + "]"
	}
	return ""
}

// duration returns a duration in the usual short form: "2m", not "2m0s".
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
