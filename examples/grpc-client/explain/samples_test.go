package explain

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/reinvoke/reinvoke/codes"
)

// sample is a text as a library prints it, and what is to be read of it.
type sample struct {
	text    string
	code    grpccodes.Code
	message string
	details string // their types, without package and prefix
	class   codes.Class
	reach   codes.Reach
	method  string
	unread  string // a part of what is said of it; empty for nothing
}

// explainSamples reads each.
func explainSamples(t *testing.T, samples map[string]sample) {
	t.Helper()
	for name, want := range samples {
		t.Run(name, func(t *testing.T) {
			p, err := explain(want.text)
			if err != nil {
				t.Fatal(err)
			}
			var types []string
			for _, d := range p.status.Proto().GetDetails() {
				types = append(types, strings.TrimPrefix(d.GetTypeUrl(), "type.googleapis.com/google.rpc."))
			}
			f := p.failure()
			got := sample{want.text, p.status.Code(), p.status.Message(), strings.Join(types, " "), f.Class, f.Reach, p.method, strings.Join(p.unread, "; ")}
			if want.unread != "" && strings.Contains(got.unread, want.unread) {
				got.unread = want.unread
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

const notPrinted = "the details of the status, such as the quota: this form does not print them"

// statusText returns the text of a status, or its JSON if it has details.
func statusText(t *testing.T, st *status.Status) string {
	t.Helper()
	if len(st.Proto().GetDetails()) == 0 {
		return st.Err().Error()
	}
	text, err := protojson.Marshal(st.Proto())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
