package policyfile_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/policy/policyfile"
)

func ExampleReadServiceConfig() {
	_, warnings, err := policyfile.ReadServiceConfig(strings.NewReader(`{
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [{
    "name": [{"service": "shop.v1.Catalog"}],
    "retryPolicy": {
      "maxAttempts": 4, "initialBackoff": "1s", "maxBackoff": "10s", "backoffMultiplier": 0.5,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
}`))
	for _, w := range warnings {
		fmt.Println(w)
	}
	fmt.Println(err)
	// Output:
	// policyfile: line 2: loadBalancingConfig: not used: gRPC does what it says if it is given to grpc.WithDefaultServiceConfig
	// policyfile: line 6: methodConfig[0].retryPolicy.backoffMultiplier: 0.5: counts as 1: no wait is shorter than the one before it
	// <nil>
}

// TestReadServiceConfig_warnings: what counts for nothing, or otherwise, is named; what
// counts as it is written is not.
func TestReadServiceConfig_warnings(t *testing.T) {
	const leftToGRPC = ": not used: gRPC does what it says if it is given to grpc.WithDefaultServiceConfig"
	const policyText = `{"initialBackoff": "1s", "maxBackoff": "2s", "retryableStatusCodes": [%s], "maxAttempts": %s, "backoffMultiplier": %s}`
	retry := func(codes, attempts, factor string) string {
		return `{"methodConfig": [{"name": [{}], "retryPolicy": ` + fmt.Sprintf(policyText, codes, attempts, factor) + "}]}"
	}
	for text, want := range map[string][]string{
		published: nil,
		`{}`:      nil,
		`{"loadBalancingConfig": null, "retryThrottling": {"maxTokens": 10, "tokenRatio": 1}}`: nil,
		"{\"loadBalancingPolicy\": \"round_robin\",\n\"LoadBalancingConfig\": [],\n\"healthCheckConfig\": {\"serviceName\": \"\"}}": {
			"line 1: loadBalancingPolicy" + leftToGRPC, "line 2: loadBalancingConfig" + leftToGRPC, "line 3: healthCheckConfig" + leftToGRPC,
		},
		`{"methodConfig": [{"name": [{}], "maxRequestMessageBytes": 5, "maxResponseMessageBytes": "5"}]}`: {
			"line 1: methodConfig[0].maxRequestMessageBytes" + leftToGRPC, "line 1: methodConfig[0].maxResponseMessageBytes" + leftToGRPC,
		},
		"{\"methodConfig\": [{\"timeout\": \"1s\"},\n{\"name\": []},\n{\"name\": [{}]}]}": {
			"line 1: methodConfig[0]: without a name: applies to no method", "line 2: methodConfig[1]: without a name: applies to no method",
		},
		retry(`"UNAVAILABLE"`, "5", "1"):                                          nil,
		retry(`"UNAVAILABLE"`, "6", "1.0"):                                        {"line 1: methodConfig[0].retryPolicy.maxAttempts: 6: counts as 5, the most that gRFC A6 allows"},
		retry("", "3", "0.999"):                                                   {"line 1: methodConfig[0].retryPolicy.backoffMultiplier: 0.999: counts as 1: no wait is shorter than the one before it"},
		`{"methodConfig": [{"name": [{}], "hedgingPolicy": {"maxAttempts": 9}}]}`: {"line 1: methodConfig[0].hedgingPolicy.maxAttempts: 9: counts as 5, the most that gRFC A6 allows"},
	} {
		_, warnings, err := policyfile.ReadServiceConfig(strings.NewReader(text))
		var got []string
		for _, w := range warnings {
			got = append(got, strings.TrimPrefix(w.Error(), "policyfile: "))
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

// TestReadServiceConfig_besideAnError there are no warnings, and no configuration.
func TestReadServiceConfig_besideAnError(t *testing.T) {
	c, warnings, err := policyfile.ReadServiceConfig(strings.NewReader(`{"loadBalancingPolicy": "x", "methodConfig": 5}`))
	if err == nil || warnings != nil || c.Validate() != nil || len(c.Methods) > 0 || c.Budget.Max != 0 {
		t.Errorf("got %v, %v, %v; want an error alone", c, warnings, err)
	}
}

// TestReadServiceConfig_manyWarnings are cut as errors are.
func TestReadServiceConfig_manyWarnings(t *testing.T) {
	for n, last := range map[int]string{
		20: "policyfile: line 20: methodConfig[19]: without a name: applies to no method",
		21: "policyfile: ... and 1 more",
		99: "policyfile: ... and 79 more",
	} {
		text := `{"methodConfig": [` + strings.TrimSuffix(strings.Repeat("{},\n", n), ",\n") + "]}"
		_, warnings, err := policyfile.ReadServiceConfig(strings.NewReader(text))
		if want := min(n, 21); err != nil || len(warnings) != want || warnings[want-1].Error() != last {
			t.Errorf("%s: got %v, %v; want %d, the last %q", strconv.Itoa(n), warnings, err, want, last)
		}
	}
}
