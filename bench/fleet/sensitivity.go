package main

import (
	"fmt"
	"reflect"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// variant is Fleet() with one figure halved or doubled.
type variant struct {
	figure string
	factor float64
	config policy.Config
}

// variants returns all variants. Reflection finds the fields of the gate, so that none is
// forgotten.
func variants() (all []variant) {
	for _, factor := range []float64{0.5, 2} {
		gate := policy.FleetGate().Effective()
		fields := reflect.TypeOf(gate)
		for i := range fields.NumField() {
			c := policy.FleetConfig()
			c.Gate = gate
			name := fields.Field(i).Name
			if scaled(name, reflect.ValueOf(&c.Gate).Elem().Field(i), factor) {
				all = append(all, variant{"gate: " + name, factor, c})
			}
		}
		for _, f := range []struct {
			name string
			set  func(*policy.Config)
		}{
			{"budget: Max and Start", func(c *policy.Config) { c.Budget.Max *= factor; c.Budget.Start *= factor }},
			{"budget: Earn", func(c *policy.Config) { c.Budget.Earn *= factor }},
			{"Quota: Base", func(c *policy.Config) { scale(&c.Table[codes.Quota].Base, factor) }},
			{"Quota: Max", func(c *policy.Config) { scale(&c.Table[codes.Quota].Max, factor) }},
			{"Server: Base", func(c *policy.Config) { scale(&c.Table[codes.Server].Base, factor) }},
			{"Server: Max", func(c *policy.Config) { scale(&c.Table[codes.Server].Max, factor) }},
		} {
			c := policy.FleetConfig()
			f.set(&c)
			all = append(all, variant{f.name, factor, c})
		}
	}
	return all
}

func scale(d *time.Duration, factor float64) { *d = time.Duration(float64(*d) * factor) }

// scaled scales a figure, or of a figure with minimum 1 only the part above 1. The result
// reports whether the field is a figure.
func scaled(name string, v reflect.Value, factor float64) bool {
	switch x := v.Interface().(type) {
	case time.Duration:
		v.SetInt(int64(float64(x) * factor))
	case int:
		v.SetInt(max(1, int64(float64(x)*factor)))
	case float64:
		switch name {
		case "Headroom", "Recovery", "ProbeMultiplier":
			v.SetFloat(1 + (x-1)*factor)
		default:
			v.SetFloat(x * factor)
		}
	default:
		return false
	}
	return true
}

// sensitivity returns a row per figure: the success of Fleet() in percent, and the change in
// percentage points when the figure is halved and doubled.
func sensitivity(scs []*scenario, ns []int, seed uint64, show shower) (head []string, rows [][]string) {
	plain := side{name: "Fleet()", make: configured(policy.FleetConfig())}
	jobs := table(scs, ns, []side{plain}, seed)
	columns := len(jobs)
	vs := variants()
	for _, v := range vs {
		jobs = append(jobs, table(scs, ns, []side{{name: v.figure, make: configured(v.config)}}, seed)...)
	}
	results := play(jobs, show("figures", len(jobs)))
	head = []string{"figure", "times"}
	base := []string{"Fleet()", ""}
	for _, r := range results[:columns] {
		name := fmt.Sprintf("%s, %s", r.sc.name, thousands(r.n))
		if r.sc.quota && !r.hints {
			name = fmt.Sprintf("%s without RetryInfo, %s", r.sc.name, thousands(r.n))
		}
		head = append(head, name)
		base = append(base, fmt.Sprintf("%.2f %%", 100*r.success()))
	}
	rows = append(rows, base)
	for i, v := range vs {
		row := []string{v.figure, fmt.Sprint(v.factor)}
		for j := range columns {
			change := 100 * (results[(i+1)*columns+j].success() - results[j].success())
			cell := fmt.Sprintf("%+.2f", change)
			switch {
			case change > -0.005 && change < 0.005:
				cell = "0"
			case change < -0.5:
				cell = "**" + cell + "**"
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return head, rows
}
