package codes_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// sample is one entry of the golden corpus: an error that was really seen.
type sample struct {
	Name     string            `json:"name"`
	Code     string            `json:"code"`
	Message  string            `json:"message"`
	Details  []json.RawMessage `json:"details"`
	Action   string            `json:"action"`
	WaitHint string            `json:"wait_hint"`
	Origin   string            `json:"origin"`
	Class    codes.Class       `json:"class"`
}

func corpus(tb testing.TB) []sample {
	tb.Helper()
	data, err := os.ReadFile("testdata/gemini-errors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var all []sample
	if err := json.Unmarshal(data, &all); err != nil {
		tb.Fatal(err)
	}
	if len(all) < 26 {
		tb.Fatalf("corpus has %d samples, want at least 26", len(all))
	}
	return all
}

// err builds the status error that a client would have been given.
func (s *sample) err(tb testing.TB) error {
	tb.Helper()
	var code grpccodes.Code
	if err := code.UnmarshalJSON([]byte(`"` + s.Code + `"`)); err != nil {
		tb.Fatal(err)
	}
	st := &spb.Status{Code: int32(code), Message: s.Message}
	for _, raw := range s.Details {
		detail := &anypb.Any{}
		if err := protojson.Unmarshal(raw, detail); err != nil {
			tb.Fatal(err)
		}
		st.Details = append(st.Details, detail)
	}
	return status.FromProto(st).Err()
}

func TestClassify_corpus(t *testing.T) {
	answered := codes.Evidence{Watched: true, Stream: true, Trailer: metadata.Pairs("content-type", "application/grpc")}
	for _, s := range corpus(t) {
		evidence := map[string]codes.Evidence{"without evidence": {}}
		if s.Origin == "server" {
			evidence["answered"] = answered
		} else {
			evidence["unsent"] = codes.Evidence{Watched: true}
		}
		for how, ev := range evidence {
			t.Run(s.Name+" "+how, func(t *testing.T) {
				f := codes.Classify(s.err(t), ev)
				if retried := policy.Default()[f.Class].Retries > 0; retried != (s.Action == "retry") {
					t.Errorf("retried: %v, want the action %q", retried, s.Action)
				}
				if f.Class != s.Class {
					t.Errorf("class %v by rule %s, want %v", f.Class, f.Rule, s.Class)
				}
				want := time.Duration(0)
				if s.WaitHint != "none" && s.WaitHint != "backoff" {
					var err error
					if want, err = time.ParseDuration(s.WaitHint); err != nil {
						t.Fatal(err)
					}
				}
				if diff := (f.Delay - want).Abs(); diff > time.Millisecond {
					t.Errorf("delay %v, want %v", f.Delay, want)
				}
				t.Logf("%v %v %v %s", f.Class, f.Reach, f.Delay, f.Rule)
			})
		}
	}
}
