package policyfile_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

func ExampleMarshal() {
	c := policy.DefaultConfig()
	c.Methods = []policy.Method{{Pattern: "/shop.v1.Orders/*", Timeout: 90 * time.Second, Repeatable: new(false)}}
	file, err := policyfile.Marshal(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := strings.Split(string(file), "\n")
	fmt.Println(strings.Join(lines[:4], "\n"))
	fmt.Println("...")
	fmt.Print(strings.Join(lines[len(lines)-5:], "\n"))
	// Output:
	// # What is retried, by class of failure. Delays are before jitter.
	// table:
	//   Quota: {retries: 2, base: 5s, max: 2m, multiplier: 3, jitter: Above}
	//   Spent: never
	// ...
	// methods:
	//   - pattern: "/shop.v1.Orders/*"
	//     repeatable: false
	//     timeout: 1m30s
}

// TestMarshal_golden: the files for the two configurations that there are.
func TestMarshal_golden(t *testing.T) {
	for name, c := range map[string]policy.Config{"default": policy.DefaultConfig(), "fleet": policy.FleetConfig()} {
		got, err := policyfile.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("testdata/%s.yaml (-want +got):\n%s", name, diff)
		}
	}
}

// TestMarshal_givesTheConfiguration: any that is valid comes back equal, and gives
// the same file again.
func TestMarshal_givesTheConfiguration(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test has to be repeatable, not secret
	worlds := 0
	for range 2000 {
		c := randomConfig(rng)
		if c.Validate() != nil {
			continue
		}
		worlds++
		file, err := policyfile.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := policyfile.Load(strings.NewReader(string(file)))
		if err != nil {
			t.Fatalf("%v of\n%s", err, file)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatalf("(-want +got):\n%s\nof\n%s", diff, file)
		}
		if again, _ := policyfile.Marshal(got); string(again) != string(file) {
			t.Fatalf("the file is another one the second time")
		}
	}
	if worlds < 500 {
		t.Errorf("%d configurations were valid, want most of them", worlds)
	}
}

func randomConfig(rng *rand.Rand) policy.Config {
	maybe := func() bool { return rng.IntN(3) == 0 }
	duration := func() time.Duration { return time.Duration(rng.Int64N(int64(math.Pow(10, float64(rng.IntN(13)))) + 1)) }
	row := func() (p policy.Policy) {
		if maybe() {
			return p
		}
		p = policy.Policy{Retries: rng.IntN(9), Base: duration(), Multiplier: 1 + rng.Float64(), Jitter: policy.Jitter(rng.IntN(5))} //nolint:gosec // less than 5
		p.Max = p.Base + duration()
		return p
	}
	limits := func() (l policy.Limits) {
		if maybe() {
			l.MaxAttempts = 9 + rng.IntN(9)
		}
		if maybe() {
			l.MaxElapsed = duration()
		}
		return l
	}
	c := policy.Config{Limits: limits()}
	for class := range c.Table {
		if codes.Class(class) != codes.None && codes.Class(class) != codes.Ended {
			c.Table[class] = row()
		}
	}
	c.Budget = policy.BudgetConfig{Max: float64(rng.IntN(200)), Earn: rng.Float64()}
	c.Budget.Start = c.Budget.Max * rng.Float64()
	c.Gate = policy.GateConfig{Hints: maybe(), Probes: maybe(), MaxWait: duration(), Spread: rng.Float64(), Failures: rng.IntN(4)}
	for i := range rng.IntN(3) {
		m := policy.Method{Pattern: fmt.Sprintf("/a%d.S:#\"ä/%s", i, []string{"*", "Get", "Get*"}[rng.IntN(3)]), Limits: limits(), Timeout: duration()}
		if maybe() {
			m.Repeatable, m.WaitForReady = new(maybe()), new(maybe())
		}
		if maybe() {
			m.Rows = map[codes.Class]policy.Policy{codes.Quota: row(), codes.Other: row()}
		}
		if maybe() {
			m.Codes = policy.Codes(grpccodes.Code(1+rng.IntN(16)), grpccodes.Canceled) //nolint:gosec // a code
		}
		if maybe() {
			m.Hedge = policy.Hedge{Delay: duration(), Attempts: rng.IntN(4)}
		}
		c.Methods = append(c.Methods, m)
	}
	return c
}

// TestMarshal_invalid: there is no file that gives it.
func TestMarshal_invalid(t *testing.T) {
	c := policy.DefaultConfig()
	c.Table[codes.Server].Retries = -1
	if file, err := policyfile.Marshal(c); err == nil || file != nil || err.Error() != "policy: Server: retries -1: want >= 0" {
		t.Errorf("got %q, %v, want the error of Validate", file, err)
	}
}

// FuzzLoad: whatever it is given, it ends with a configuration that is valid and
// can be written, or with faults that have a line.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{example, "{\"table\": {}}", "a: &a [*a]", "table: {Server: {<<: {<<: {}}}}", "? x\n: y", "methods: [{pattern: /a/b, codes: [1]}]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := policyfile.Load(strings.NewReader(text))
		if err != nil {
			return
		}
		file, err := policyfile.Marshal(c)
		if err != nil {
			t.Fatalf("it was loaded and is not valid: %v", err)
		}
		got, err := policyfile.Load(strings.NewReader(string(file)))
		if err != nil {
			t.Fatalf("%v of\n%s", err, file)
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}
