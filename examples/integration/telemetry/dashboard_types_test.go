package main

import (
	"os"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	grafana "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// TestDashboard_types: Grafana's own types have every field of the dashboard. Grafana
// itself ignores a misspelled field without a word.
func TestDashboard_types(t *testing.T) {
	plugins.RegisterDefaultPlugins() // else the fields of panels and queries are not looked at
	data, err := os.ReadFile("../" + dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	if faults := grafanaFaults(string(data)); faults != "" {
		t.Error(faults)
	}
	for _, fault := range []struct{ name, right, wrong string }{
		{"an unknown field of the dashboard", `"refresh": "30s"`, `"refreshes": "30s"`},
		{"an unknown field of a panel", `"gridPos"`, `"gridPosition"`},
		{"an unknown field of its drawing", `"fillOpacity"`, `"opacity"`},
		{"an unknown field of a query", `"legendFormat"`, `"legend"`},
		{"a number that is a string", `"min": 0`, `"min": "0"`},
		{"a string that is a number", `"unit": "reqps"`, `"unit": 1`},
	} {
		text := strings.Replace(string(data), fault.right, fault.wrong, 1)
		if text == string(data) {
			t.Errorf("%s: the dashboard has no %s", fault.name, fault.right)
		}
		if grafanaFaults(text) == "" {
			t.Errorf("%s is not noticed", fault.name)
		}
	}
}

// grafanaFaults returns what Grafana's types find wrong with a dashboard, or "". Some of
// the errors they return have no text and mean that nothing is wrong.
func grafanaFaults(text string) string {
	var d grafana.Dashboard //nolint:staticcheck // the schema of the file, which every version of Grafana imports
	if err := d.UnmarshalJSONStrict([]byte(text)); err != nil && err.Error() != "" {
		return err.Error()
	}
	if err := d.Validate(); err != nil {
		return err.Error()
	}
	return ""
}
