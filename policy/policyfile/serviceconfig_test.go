package policyfile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// published has what Google's files have: figures and shapes are those of
// generativeai, pubsub, spanner and ces in googleapis/googleapis.
const published = `{
  "methodConfig": [{
    "name": [
      { "service": "google.ai.generativelanguage.v1beta.GenerativeService", "method": "CountTokens" },
      { "service": "google.ai.generativelanguage.v1beta.ModelService", "method": "ListModels" }
    ],
    "timeout": "60s",
    "retryPolicy": {
      "maxAttempts": 5, "initialBackoff": "1s", "maxBackoff": "10s", "backoffMultiplier": 1.3,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }, {
    "name": [ { "service": "google.pubsub.v1.Publisher", "method": "Publish" } ],
    "timeout": "60s",
    "retryPolicy": {
      "initialBackoff": "0.100s", "maxBackoff": "60s", "backoffMultiplier": 1.3,
      "retryableStatusCodes": ["ABORTED", "CANCELLED", "UNAVAILABLE"]
    }
  }, {
    "name": [ { "service": "google.cloud.ces.v1.SessionService" } ],
    "timeout": "220s",
    "retryPolicy": {
      "initialBackoff": "0.100s", "maxBackoff": "60s", "backoffMultiplier": 1.3, "retryableStatusCodes": []
    }
  }, {
    "name": [ { "service": "google.spanner.v1.Spanner", "method": "StreamingRead" } ],
    "timeout": "3600s"
  }]
}`

func ExampleFromServiceConfig() {
	c, err := policyfile.FromServiceConfig(strings.NewReader(published))
	if err != nil {
		fmt.Println(err)
		return
	}
	m := c.Method("/google.ai.generativelanguage.v1beta.GenerativeService/CountTokens")
	fmt.Println(m.Timeout, m.Codes, m.Rows[codes.Server], m.Rows[codes.Server].Jitter)
	// Output:
	// 1m0s Unavailable 4 retries, 1 s to 10 s, x1.3 Symmetric
}

// passing are the classes of failures that may pass.
var passing = []codes.Class{codes.Quota, codes.Server, codes.Network, codes.Timeout, codes.Other}

// rows gives the classes a row, and more classes.
func rows(p policy.Policy, more ...codes.Class) map[codes.Class]policy.Policy {
	all := map[codes.Class]policy.Policy{}
	for _, class := range append(more, passing...) {
		all[class] = p
	}
	return all
}

// from is the configuration that a service config gives beside its methods.
func from(methods ...policy.Method) policy.Config {
	return policy.Config{Budget: policy.DefaultBudget(), Gate: policy.DefaultGate(), Methods: methods}
}

func TestFromServiceConfig_published(t *testing.T) {
	got, err := policyfile.FromServiceConfig(strings.NewReader(published))
	if err != nil {
		t.Fatal(err)
	}
	five := policy.Limits{MaxAttempts: 5}
	gemini := policy.Method{
		Timeout: time.Minute, Codes: policy.Codes(grpccodes.Unavailable), Limits: five, Repeatable: new(true),
		Rows: rows(policy.Policy{Retries: 4, Base: time.Second, Max: 10 * time.Second, Multiplier: 1.3, Jitter: policy.Symmetric}),
	}
	models := gemini
	gemini.Pattern = "/google.ai.generativelanguage.v1beta.GenerativeService/CountTokens"
	models.Pattern = "/google.ai.generativelanguage.v1beta.ModelService/ListModels"
	want := from(
		gemini, models,
		policy.Method{
			Pattern: "/google.pubsub.v1.Publisher/Publish", Timeout: time.Minute, Limits: five, Repeatable: new(true),
			Codes: policy.Codes(grpccodes.Aborted, grpccodes.Canceled, grpccodes.Unavailable),
			Rows: rows(policy.Policy{Retries: 4, Base: 100 * time.Millisecond, Max: time.Minute, Multiplier: 1.3, Jitter: policy.Symmetric},
				codes.Conflict),
		},
		policy.Method{Pattern: "/google.cloud.ces.v1.SessionService/*", Timeout: 220 * time.Second},
		policy.Method{Pattern: "/google.spanner.v1.Spanner/StreamingRead", Timeout: time.Hour},
	)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFromServiceConfig_fields: what each says.
func TestFromServiceConfig_fields(t *testing.T) {
	const policyText = `"retryPolicy": {"maxAttempts": 9, "initialBackoff": ".5s", "maxBackoff": "0.1s", "backoffMultiplier": 0.5, "retryableStatusCodes": [14, "internal", "NOT_FOUND"]}`
	for name, tt := range map[string]struct {
		text string
		want policy.Config
	}{
		"nothing":                   {`{}`, from()},
		"what is gRPC's own":        {`{"loadBalancingConfig": [{"round_robin": {}}], "loadBalancingPolicy": "x", "healthCheckConfig": {"serviceName": ""}}`, from()},
		"no name":                   {`{"methodConfig": [{"name": [], "timeout": "1s"}]}`, from()},
		"all methods":               {`{"methodConfig": [{"name": [{}], "timeout": "1.5s"}]}`, from(policy.Method{Pattern: "/*", Timeout: 1500 * time.Millisecond})},
		"a service":                 {`{"methodConfig": [{"name": [{"service": "a.S", "method": ""}], "waitForReady": true}]}`, from(policy.Method{Pattern: "/a.S/*", WaitForReady: new(true)})},
		"the case of Go's examples": {`{"MethodConfig": [{"Name": [{"Service": "a.S"}], "WaitForReady": false}]}`, from(policy.Method{Pattern: "/a.S/*", WaitForReady: new(false)})},
		"sizes":                     {`{"methodConfig": [{"name": [{"service": "a.S"}], "maxRequestMessageBytes": 5, "maxResponseMessageBytes": 5}]}`, from(policy.Method{Pattern: "/a.S/*"})},
		"the same twice":            {`{"methodConfig": [{"name": [{"service": "a.S"}, {"service": "a.S"}], "timeout": "0s"}]}`, from(policy.Method{Pattern: "/a.S/*"})},
		"figures that A6 allows and the table does not": {
			`{"methodConfig": [{"name": [{"service": "a.S"}], ` + policyText + `}]}`,
			from(policy.Method{
				Pattern: "/a.S/*", Limits: policy.Limits{MaxAttempts: 5}, Repeatable: new(true),
				Codes: policy.Codes(grpccodes.Unavailable, grpccodes.Internal, grpccodes.NotFound),
				Rows: rows(policy.Policy{Retries: 4, Base: 100 * time.Millisecond, Max: 100 * time.Millisecond, Multiplier: 1, Jitter: policy.Symmetric},
					codes.Request),
			}),
		},
		"hedging": {
			`{"methodConfig": [{"name": [{"service": "a.S"}], "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.2s", "nonFatalStatusCodes": ["UNAVAILABLE"]}}]}`,
			from(policy.Method{
				Pattern: "/a.S/*", Limits: policy.Limits{MaxAttempts: 3}, Repeatable: new(true),
				Hedge: policy.Hedge{Delay: 200 * time.Millisecond, Attempts: 3}, Codes: policy.Codes(grpccodes.Unavailable), Rows: rows(policy.Policy{Retries: 2}),
			}),
		},
		"hedging with fatal failures alone": {
			`{"methodConfig": [{"name": [{"service": "a.S"}], "hedgingPolicy": {"maxAttempts": 2}}]}`,
			from(policy.Method{Pattern: "/a.S/*", Limits: policy.Limits{MaxAttempts: 2}, Repeatable: new(true), Hedge: policy.Hedge{Attempts: 2}}),
		},
		"throttling": {
			`{"retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1239}}`,
			policy.Config{Gate: policy.DefaultGate(), Budget: policy.BudgetConfig{Max: 5, Start: 5, Earn: 0.123, EarnedMax: 10, EarnedEarn: 0.1, EarnedStart: 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := policyfile.FromServiceConfig(strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestFromServiceConfig_faults: what gRFC A6 forbids, and what is no service config.
func TestFromServiceConfig_faults(t *testing.T) {
	method := func(rest string) string { return `{"methodConfig": [{"name": [{"service": "a.S"}], ` + rest + "}]}" }
	retry := func(change string) string {
		fields := map[string]string{
			"maxAttempts": "3", "initialBackoff": `"1s"`, "maxBackoff": `"2s"`, "backoffMultiplier": "2", "retryableStatusCodes": `["UNAVAILABLE"]`,
		}
		name, value, _ := strings.Cut(change, "=")
		fields[name] = value
		var parts []string
		for _, name := range []string{"maxAttempts", "initialBackoff", "maxBackoff", "backoffMultiplier", "retryableStatusCodes", "x"} {
			if fields[name] != "" {
				parts = append(parts, fmt.Sprintf("%q: %s", name, fields[name]))
			}
		}
		return method(`"retryPolicy": {` + strings.Join(parts, ", ") + "}")
	}
	const at = "line 1: methodConfig[0].retryPolicy."
	for text, want := range map[string]string{ //nolint:gosec // tokens of a budget
		``:                                                   "line 1: not JSON: it ends in the middle",
		`[]`:                                                 "line 1: a list: want a JSON object",
		`{"retryPolcy": {}}`:                                 "line 1: retryPolcy: unknown: want healthCheckConfig, loadBalancingConfig, loadBalancingPolicy, methodConfig or retryThrottling",
		`{"methodConfig": {}}`:                               "line 1: methodConfig: a section: want a list",
		`{"methodConfig": ["a"]}`:                            `line 1: methodConfig[0]: "a": want a section with hedgingPolicy, maxRequestMessageBytes, maxResponseMessageBytes, name, retryPolicy, timeout or waitForReady`,
		method(`"timeout": 5`):                               `line 1: methodConfig[0].timeout: 5: want seconds, as "0.5s"`,
		method(`"timeout": "1m"`):                            `line 1: methodConfig[0].timeout: "1m": want seconds, as "0.5s"`,
		method(`"timeout": "-1s"`):                           `line 1: methodConfig[0].timeout: "-1s": want 0s or more`,
		method(`"waitForReady": 1`):                          "line 1: methodConfig[0].waitForReady: 1: want true or false",
		retry("maxAttempts=1"):                               at + "maxAttempts: 1: want 2 or more",
		retry("maxAttempts=2.5"):                             at + "maxAttempts: 2.5: want a whole number",
		retry("initialBackoff="):                             at + "initialBackoff: missing: want one",
		retry(`initialBackoff="0s"`):                         at + `initialBackoff: "0s": want more than 0s`,
		retry("maxBackoff="):                                 at + "maxBackoff: missing: want one",
		retry(`maxBackoff="x"`):                              at + `maxBackoff: "x": want seconds, as "0.5s"`,
		retry("backoffMultiplier="):                          at + "backoffMultiplier: missing: want one",
		retry("backoffMultiplier=0"):                         at + "backoffMultiplier: 0: want more than 0",
		retry("backoffMultiplier=-1"):                        at + "backoffMultiplier: -1: want more than 0",
		retry("retryableStatusCodes="):                       at + "retryableStatusCodes: missing: want one",
		retry(`retryableStatusCodes=["GONE"]`):               at + `retryableStatusCodes: "GONE": want a status code, such as UNAVAILABLE`,
		retry("retryableStatusCodes=[17]"):                   at + "retryableStatusCodes: 17: want a status code, such as UNAVAILABLE",
		retry("x=1"):                                         at + "x: unknown: want backoffMultiplier, initialBackoff, maxAttempts, maxBackoff or retryableStatusCodes",
		method(`"retryPolicy": 1`):                           "line 1: methodConfig[0].retryPolicy: 1: want a section with backoffMultiplier, initialBackoff, maxAttempts, maxBackoff or retryableStatusCodes",
		method(`"hedgingPolicy": {"maxAttempts": 1}`):        "line 1: methodConfig[0].hedgingPolicy.maxAttempts: 1: want 2 or more",
		method(`"hedgingPolicy": {"hedgingDelay": "-1s"}`):   `line 1: methodConfig[0].hedgingPolicy.hedgingDelay: "-1s": want 0s or more`,
		`{"methodConfig": [{"name": [{"method": "M"}]}]}`:    `line 1: methodConfig[0].name[0]: method "M" without a service: want both, or neither`,
		`{"methodConfig": [{"name": [{"service": "a b"}]}]}`: `line 1: methodConfig[0].name[0]: service "a b", method "": want the names of a proto`,
		`{"methodConfig": [{"name": [{"service": "a.S", "method": "Get*"}]}]}`:                            `line 1: methodConfig[0].name[0]: service "a.S", method "Get*": want the names of a proto`,
		`{"methodConfig": [{"name": [{"service": 5}]}]}`:                                                  "line 1: methodConfig[0].name[0].service: 5: want a string",
		`{"methodConfig": [{"name": "a.S"}]}`:                                                             `line 1: methodConfig[0].name: "a.S": want a list of names`,
		`{"methodConfig": [{"name": [{}], "timeout": "1s"},` + "\n" + `{"name": [{}], "timeout": "2s"}]}`: "line 2: methodConfig[1].name[0]: /*: given twice with other figures: want one config for each name",
		`{"retryThrottling": {"maxTokens": 1001, "tokenRatio": 1}}`:                                       "line 1: retryThrottling.maxTokens: 1001: want more than 0, at most 1000",
		`{"retryThrottling": {"tokenRatio": 1}}`:                                                          "line 1: retryThrottling.maxTokens: 0: want more than 0, at most 1000",
		`{"retryThrottling": {"maxTokens": 5, "tokenRatio": 0.0001}}`:                                     "line 1: retryThrottling.tokenRatio: 0: want 0.001 or more",
	} {
		_, err := policyfile.FromServiceConfig(strings.NewReader(text))
		if err == nil || strings.ReplaceAll(err.Error(), "policyfile: ", "") != want {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
	both := strings.Replace(retry(""), `"retryPolicy"`, `"hedgingPolicy": {}, "retryPolicy"`, 1)
	want := "policyfile: line 1: methodConfig[0]: retryPolicy and hedgingPolicy: want one of them"
	if _, err := policyfile.FromServiceConfig(strings.NewReader(both)); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
