package policyfile_test

import (
	"strings"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/internal/reports"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// TestReadServiceConfig_publicReports: configs that somebody has made public are read as
// grpc-go reads them, or refused with what is wrong.
func TestReadServiceConfig_publicReports(t *testing.T) {
	all, err := reports.Read("../../codes/testdata/reports")
	if err != nil {
		t.Fatal(err)
	}
	refused := func(words ...string) func(*testing.T, policy.Config, []*policyfile.Error, error) {
		return func(t *testing.T, _ policy.Config, _ []*policyfile.Error, err error) {
			for _, word := range words {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("got %v, want an error that names %s", err, word)
				}
			}
		}
	}
	wants := map[string]func(*testing.T, policy.Config, []*policyfile.Error, error){
		"sc_all_codes_inner": func(t *testing.T, c policy.Config, _ []*policyfile.Error, err error) {
			if err != nil {
				t.Fatal(err)
			}
			m := c.Method("/any.Service/Method")
			for _, code := range []grpccodes.Code{
				grpccodes.Unavailable, grpccodes.DeadlineExceeded, grpccodes.ResourceExhausted,
				grpccodes.FailedPrecondition, grpccodes.Aborted, grpccodes.DataLoss,
			} {
				if !m.Codes.Has(code) {
					t.Errorf("%v is not retried", code)
				}
			}
			if m.Timeout != 2*time.Second || c.Budget.Max != 5 || c.Budget.Earn != 0.1 {
				t.Errorf("timeout %v, budget %+v, want 2s, 5 tokens and 0.1 for a success", m.Timeout, c.Budget)
			}
		},
		"sc_capitals_dot01s": func(t *testing.T, c policy.Config, _ []*policyfile.Error, err error) {
			if err != nil {
				t.Fatal(err)
			}
			m := c.Method("/grpc.inventory/Get")
			if m == nil || m.WaitForReady == nil || !*m.WaitForReady || !m.Codes.Has(grpccodes.Unavailable) || m.Codes.Has(grpccodes.Internal) {
				t.Fatalf("got %+v, want UNAVAILABLE alone, and to wait for a connection", m)
			}
			for class, row := range m.Rows {
				if row.Retries != 2 || row.Base != 10*time.Millisecond {
					t.Errorf("%v: %v, want 2 retries of 10ms", class, row)
				}
			}
		},
		"sc_comments": refused("line 2"),
		"sc_no_name": func(t *testing.T, _ policy.Config, warnings []*policyfile.Error, err error) {
			if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0].Error(), "name") {
				t.Errorf("got %v, %v, want a warning that names name", warnings, err)
			}
		},
		"sc_snake_case": refused("method_config", "methodConfig"),
	}
	for _, r := range all {
		if r.Kind() != reports.ServiceConfig {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			want := wants[r.Name]
			if want == nil {
				t.Fatalf("nothing is said of what is right: %s", r.Want.Text)
			}
			delete(wants, r.Name)
			c, warnings, err := policyfile.ReadServiceConfig(strings.NewReader(r.Message))
			want(t, c, warnings, err)
		})
	}
	if len(wants) > 0 {
		t.Errorf("%d reports are not there", len(wants))
	}
}
