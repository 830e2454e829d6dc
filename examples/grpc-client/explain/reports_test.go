package explain

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// report is a failure that somebody has made public. What is right about it is tested
// where it is decided; here -explain has to say what an interceptor does.
type report struct {
	Code       string            `json:"code"`
	Message    string            `json:"message"`
	Details    json.RawMessage   `json:"details"`
	Trailer    map[string]string `json:"trailer"`
	Evidence   string            `json:"evidence"` // in words
	Method     string            `json:"method"`
	Repeatable bool              `json:"repeatable"`
}

// reportsFolder is where they are, each with its source.
const reportsFolder = "../../../codes/testdata/reports"

// TestExplain_reports: each report is explained as a real interceptor treats it: class,
// rule, reach, waits and outcome.
func TestExplain_reports(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(reportsFolder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no reports in %s: %v", reportsFolder, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r report
			if err := json.Unmarshal(data, &r); err != nil {
				t.Fatal(err)
			}
			r.compare(t)
		})
	}
}

// compare plays the report and explains it.
func (r *report) compare(t *testing.T) {
	t.Helper()
	f := failing{config: policy.DefaultConfig(), method: r.Method, status: status.New(grpccodes.Unavailable, "busy"), reach: r.reach(t)}
	if r.Repeatable {
		f.config.Methods = []policy.Method{{Pattern: r.Method, Repeatable: new(true)}}
	}
	for key, value := range r.Trailer {
		f.trailer = metadata.Join(f.trailer, metadata.Pairs(key, value))
	}
	text := ""
	switch {
	case strings.HasPrefix(r.Evidence, "policyfile."): // what a service config makes of an overload
		c, ok := r.serviceConfig(t)
		if !ok {
			return
		}
		f.config, f.method = c, "/report.v1.Service/Call"
		if service, ok := strings.CutSuffix(c.Methods[0].Pattern, "/*"); ok && service != "" {
			f.method = service + "/Call"
		}
	case strings.HasPrefix(r.Evidence, "explain:"): // the text, as it was found
		text = r.Message
		p, err := explain(text)
		if err != nil {
			t.Fatal(err)
		}
		f.status = p.status
	case r.Code == "": // a call of which nothing was reported but how it should end
		f.status = status.New(grpccodes.Unavailable, "the connection is draining")
		f.reach = codes.Unsent
	default:
		f.status = r.status(t)
	}
	if text == "" {
		text = f.paste(t)
	}
	call := f.play(t)
	f.agree(t, text, call)
	f.agreeOnLog(t, call)
}

// reach returns who has said so: a server, or grpc-go itself before or after there was a
// stream.
func (r *report) reach(t *testing.T) codes.Reach {
	t.Helper()
	local := strings.HasPrefix(r.Evidence, "local: ") || strings.Contains(r.Message, "transport: per-RPC creds failed")
	switch {
	case local && (strings.Contains(r.Evidence, "stream existed") || strings.Contains(r.Evidence, "HTTP answer of a proxy")):
		return codes.Lost
	case local:
		return codes.Unsent
	}
	for _, known := range []string{"server-sent", "explain: ", "policyfile.", "stream/call: "} {
		if strings.HasPrefix(r.Evidence, known) {
			return codes.Answered
		}
	}
	t.Fatalf("evidence %q: want one that is known", r.Evidence)
	return codes.Lost
}

// status returns the status of the report.
func (r *report) status(t *testing.T) *status.Status {
	t.Helper()
	body, err := json.Marshal(map[string]any{"status": r.Code, "message": r.Message, "details": r.Details})
	if err != nil {
		t.Fatal(err)
	}
	st, err := codes.FromJSON(body)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// serviceConfig reads the service config of the report. -explain has to refuse what is
// none, with the same words.
func (r *report) serviceConfig(t *testing.T) (policy.Config, bool) {
	t.Helper()
	path := fileWith(t, "service_config.json", r.Message)
	c, _, loadErr := loadTable(path)
	_, want := policyfile.FromServiceConfig(strings.NewReader(r.Message))
	if (loadErr == nil) != (want == nil) {
		t.Errorf("-table: %v, want %v", loadErr, want)
	}
	if want != nil {
		if _, errs, status := runProgram(t, "", "-explain", "UNAVAILABLE", "-table", path); status != exit.Misused || !strings.Contains(errs, "-table: ") {
			t.Errorf("got %q, exit status %d", errs, status)
		}
		return c, false
	}
	if len(c.Methods) == 0 {
		c.Methods = []policy.Method{{Pattern: "/*"}}
	}
	return c, true
}
