package policyfile

import (
	"reflect"
	"strings"
	"testing"

	"github.com/reinvoke/reinvoke/policy"
)

// TestFields_areAll: what can be set in Go can be set in a file.
func TestFields_areAll(t *testing.T) {
	for _, tt := range []struct {
		of     any
		fields []field
		parts  []string // read and written apart
	}{
		{policy.Policy{}, rowFields(&policy.Policy{}), nil},
		{policy.Limits{}, limitFields(&policy.Limits{}), nil},
		{policy.BudgetConfig{}, budgetFields(&policy.BudgetConfig{}), nil},
		{policy.GateConfig{}, gateFields(&policy.GateConfig{}), nil},
		{policy.Place{}, placeFields(&policy.Place{}), nil},
		{policy.Quota{}, quotaFields(&policy.Quota{}), nil},
		{policy.Hedge{}, hedgeFields(&policy.Hedge{}), nil},
		{policy.Method{}, methodFields(&policy.Method{}), []string{"Pattern", "Rows", "Limits", "Hedge", "Targets"}},
		{policy.Config{}, nil, []string{"Table", "Limits", "Budget", "Gate", "Targets", "Quotas", "Methods"}},
	} {
		known := map[string]bool{}
		for _, f := range tt.fields {
			known[strings.ToLower(f.name)] = true
		}
		for _, part := range tt.parts {
			known[strings.ToLower(part)] = true
		}
		typ := reflect.TypeOf(tt.of)
		if typ.NumField() != len(known) {
			t.Errorf("%v has %d fields, %d are known", typ, typ.NumField(), len(known))
		}
		for i := range typ.NumField() {
			if name := typ.Field(i).Name; !known[strings.ToLower(name)] {
				t.Errorf("%v.%s is not known", typ, name)
			}
		}
	}
}

// TestFields_haveValues: each can be read, written and told from nothing.
func TestFields_haveValues(t *testing.T) {
	texts := map[string]string{"bool": "true", "int": "3", "int64": "4000000000", "float64": "1.5", "Duration": "1m30s", "Jitter": "Full", "Priority": "high", "string": `"a"`, "CodeSet": "[ABORTED, UNKNOWN]"}
	var all []field
	all = append(all, rowFields(&policy.Policy{})...)
	all = append(all, gateFields(&policy.GateConfig{})...)
	all = append(all, methodFields(&policy.Method{})...)
	all = append(all, placeFields(&policy.Place{})...)
	all = append(all, quotaFields(&policy.Quota{})...)
	for _, f := range all {
		typ := reflect.TypeOf(f.to).Elem()
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		text := texts[typ.Name()]
		root, err := parseYAML([]byte("x: " + text))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.set(root.get("x").value); err != nil {
			t.Errorf("%s: %v", f.name, err)
		}
		if got := strings.Split(f.text(), ", "); len(got) != len(strings.Split(text, ", ")) || f.zero() {
			t.Errorf("%s is %q after it was set to %s", f.name, f.text(), text)
		}
	}
}
