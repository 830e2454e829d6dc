package codes_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/reinvoke/reinvoke/codes"
)

// withDetails builds a status error with details.
func withDetails(t *testing.T, code grpccodes.Code, message string, details ...protoadapt.MessageV1) error {
	t.Helper()
	st, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func TestClassify_ownRulesComeFirst(t *testing.T) {
	own := codes.Rule{Name: "mine", Class: codes.Server, Codes: []grpccodes.Code{grpccodes.ResourceExhausted}}
	for _, message := range []string{
		"trying to send message larger than max (2 vs. 1)", "limit: 0", "Please retry in 3s.", "x",
	} {
		t.Run(message, func(t *testing.T) {
			err := status.Error(grpccodes.ResourceExhausted, message)
			if f := codes.Classify(err, evidenceOf(codes.Answered), own); f.Rule != "mine" || f.Class != codes.Server {
				t.Errorf("%v by rule %s, want Server by rule mine", f.Class, f.Rule)
			}
		})
	}
	t.Run("the caller's own end comes before them", func(t *testing.T) {
		ev := evidenceOf(codes.Answered)
		ev.Caller = context.DeadlineExceeded
		if f := codes.Classify(status.Error(grpccodes.ResourceExhausted, "x"), ev, own); f.Class != codes.Ended {
			t.Errorf("class %v by rule %s, want Ended", f.Class, f.Rule)
		}
	})
	t.Run("the first that matches decides", func(t *testing.T) {
		second := own
		second.Name = "second"
		if f := codes.Classify(status.Error(grpccodes.ResourceExhausted, "x"), evidenceOf(codes.Answered), own, second); f.Rule != "mine" {
			t.Errorf("rule %s, want mine", f.Rule)
		}
	})
	t.Run("without a match the package's decide", func(t *testing.T) {
		if f := codes.Classify(status.Error(grpccodes.Internal, "x"), evidenceOf(codes.Answered), own); f.Rule != "internal" {
			t.Errorf("rule %s, want internal", f.Rule)
		}
	})
}

func TestRule_everyConditionMustHold(t *testing.T) {
	err := withDetails(t, grpccodes.Unavailable, "shard is moving",
		&errdetails.ErrorInfo{Reason: "OTHER", Domain: "db.example.com"},
		&errdetails.ErrorInfo{Reason: "MOVING", Domain: "shards.db.example.com"})
	for _, tc := range []struct {
		name string
		rule codes.Rule
		ev   codes.Evidence
		want bool
	}{
		{"no condition", codes.Rule{}, codes.Evidence{}, true},
		{"the code", codes.Rule{Codes: []grpccodes.Code{grpccodes.NotFound, grpccodes.Unavailable}}, codes.Evidence{}, true},
		{"another code", codes.Rule{Codes: []grpccodes.Code{grpccodes.NotFound}}, codes.Evidence{}, false},
		{"the prefix", codes.Rule{Prefixes: []string{"nothing", "shard is"}}, codes.Evidence{}, true},
		{"not a prefix but a part", codes.Rule{Prefixes: []string{"is moving"}}, codes.Evidence{}, false},
		{"the reason", codes.Rule{Reasons: []string{"MOVING"}}, codes.Evidence{}, true},
		{"another reason", codes.Rule{Reasons: []string{"MOVE"}}, codes.Evidence{}, false},
		{"the reason in its domain", codes.Rule{Reasons: []string{"MOVING"}, Domains: []string{"shards.db.example.com"}}, codes.Evidence{}, true},
		{"the reason below its domain", codes.Rule{Reasons: []string{"MOVING"}, Domains: []string{"example.com"}}, codes.Evidence{}, true},
		{"the reason in another's domain", codes.Rule{Reasons: []string{"OTHER"}, Domains: []string{"shards.db.example.com"}}, codes.Evidence{}, false},
		{"a domain that only ends alike", codes.Rule{Reasons: []string{"MOVING"}, Domains: []string{"ds.db.example.com"}}, codes.Evidence{}, false},
		{"a domain where none is wanted", codes.Rule{Reasons: []string{"MOVING"}, Domains: []string{""}}, codes.Evidence{}, false},
		{"details", codes.Rule{Details: true}, codes.Evidence{}, true},
		{"the reach", codes.Rule{Reaches: []codes.Reach{codes.Unsent, codes.Answered}}, evidenceOf(codes.Answered), true},
		{"another reach", codes.Rule{Reaches: []codes.Reach{codes.Lost}}, evidenceOf(codes.Answered), false},
		{"local, but the peer said it", codes.Rule{Local: true}, evidenceOf(codes.Answered), false},
		{"local, and no stream", codes.Rule{Local: true}, evidenceOf(codes.Unsent), true},
		{"a function that agrees", codes.Rule{Match: func(r *codes.Report) bool { return len(r.Infos) == 2 }}, codes.Evidence{}, true},
		{"a function that does not", codes.Rule{Match: func(r *codes.Report) bool { return r.Hint > 0 }}, codes.Evidence{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.rule.Name, tc.rule.Class = "mine", codes.Conflict
			if f := codes.Classify(err, tc.ev, tc.rule); (f.Rule == "mine") != tc.want {
				t.Errorf("rule %s decided, want mine: %v", f.Rule, tc.want)
			}
		})
	}
	t.Run("details that are not there", func(t *testing.T) {
		f := codes.Classify(status.Error(grpccodes.Unavailable, "x"), codes.Evidence{}, codes.Rule{Name: "mine", Details: true})
		if f.Rule == "mine" {
			t.Error("the rule matched a status without details")
		}
	})
}

func TestRule_verdict(t *testing.T) {
	err := withDetails(t, grpccodes.Unavailable, "Please retry in 3s.",
		&errdetails.ErrorInfo{Reason: "FIRST", Domain: "a.example"},
		&errdetails.ErrorInfo{Reason: "SECOND", Domain: "b.example", Metadata: map[string]string{"quota_limit": "L", "quota_metric": "m"}})
	rule := codes.Rule{
		Name: "mine", Class: codes.Quota, Reasons: []string{"SECOND"},
		Unsent: true, MayHaveRun: true, Infer: time.Minute, MinHint: 4 * time.Second,
	}
	want := codes.Failure{
		Class: codes.Quota, Code: grpccodes.Unavailable, Reach: codes.Unsent, MayHaveRun: true,
		Delay: time.Minute, Reason: "SECOND", Domain: "b.example", QuotaID: "L", Metric: "m", Rule: "mine",
	}
	got := codes.Classify(err, evidenceOf(codes.Answered), rule)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a hint below MinHint is dropped (-want +got):\n%s", diff)
	}

	rule.MinHint = 3 * time.Second
	want.Delay, want.Asked = 3*time.Second, true
	if diff := cmp.Diff(want, codes.Classify(err, evidenceOf(codes.Answered), rule)); diff != "" {
		t.Errorf("a hint of MinHint is believed (-want +got):\n%s", diff)
	}
}

func TestReport_isWhatTheErrorSays(t *testing.T) {
	err := withDetails(t, grpccodes.ResourceExhausted, "max retries exhausted: failed after 2 attempts: rpc error: code = X desc = inner",
		&errdetails.RetryInfo{}, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: "q"}}})
	var seen *codes.Report
	codes.Classify(err, evidenceOf(codes.Lost), codes.Rule{Match: func(r *codes.Report) bool {
		seen = r
		return false
	}})
	if seen == nil {
		t.Fatal("the rule was not asked")
	}
	got := strings.Join([]string{seen.Code.String(), seen.Message, seen.Reach.String(), seen.Violations[0].GetQuotaId()}, "|")
	if want := "ResourceExhausted|inner|Answered|q"; got != want || !errors.Is(seen.Err, err) || !seen.Evidence.Watched {
		t.Errorf("report %s, want %s with the error and the evidence", got, want)
	}
}

func TestRule_emptyPrefix(t *testing.T) {
	own := codes.Rule{Name: "own", Class: codes.Other, Prefixes: []string{""}}
	for _, message := range []string{"", "x"} {
		if f := codes.Classify(status.Error(grpccodes.Unavailable, message), codes.Evidence{}, own); f.Rule != "own" {
			t.Errorf("%q: rule %s, want own: everything begins with nothing", message, f.Rule)
		}
	}
}
