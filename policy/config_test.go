package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// configWith is the default configuration with a change.
func configWith(change func(*policy.Config)) policy.Config {
	c := policy.DefaultConfig()
	change(&c)
	return c
}

// withMethods is the default configuration with these method sections.
func withMethods(methods ...policy.Method) policy.Config {
	return configWith(func(c *policy.Config) { c.Methods = methods })
}

func TestConfigValidate_texts(t *testing.T) {
	const m = "/pkg.Service/Method"
	six := policy.Policy{Retries: 6, Base: time.Second, Max: time.Minute, Multiplier: 2}
	cases := []struct {
		name string
		in   policy.Config
		want string
	}{
		{"the default", policy.DefaultConfig(), ""},
		{
			"every part is checked", configWith(func(c *policy.Config) {
				c.Table[codes.Server].Retries = -3
				c.Limits.MaxElapsed = -1
				c.Budget.Start = 200
				c.Methods = []policy.Method{{Pattern: "Method"}}
			}),
			"policy: Server: retries -3: want >= 0\n" +
				"policy: max elapsed -1ns: want > 0s, or 0s for the default\n" +
				"policy: budget: start 200: want 0 to max 100\n" +
				`policy: method pattern "Method": want "/package.Service/Method", "/package.Service/*" or "/package.*"`,
		},
		{
			"attempts that cut rows", configWith(func(c *policy.Config) { c.Limits.MaxAttempts = 5 }),
			"policy: Network: retries 5: want <= 4 with max attempts 5\n" +
				"policy: Timeout: retries 5: want <= 4 with max attempts 5",
		},
		{
			"attempts that just suffice", configWith(func(c *policy.Config) { c.Limits.MaxAttempts = 6 }),
			"",
		},
		{
			"a long row raises the default of the attempts",
			configWith(func(c *policy.Config) { c.Table[codes.Server].Retries = 100 }),
			"",
		},
		{
			"a method section given twice", withMethods(policy.Method{Pattern: m}, policy.Method{Pattern: m}),
			"policy: method /pkg.Service/Method: given twice: want one section for each pattern",
		},
		{
			"a method with a class that is none",
			withMethods(policy.Method{Pattern: m, Rows: map[codes.Class]policy.Policy{
				13: {}, codes.NumClasses: {},
			}}),
			"policy: method /pkg.Service/Method: class 12: want 0 to 11\n" +
				"policy: method /pkg.Service/Method: class 13: want 0 to 11",
		},
		{
			"a method with bad rows and limits",
			withMethods(policy.Method{
				Pattern: m,
				Rows: map[codes.Class]policy.Policy{
					codes.Server: {Retries: -1, Base: -1}, codes.Quota: {Max: -1}, codes.Ended: {Retries: 1},
				},
				Limits: policy.Limits{MaxServerDelay: -1},
			}),
			"policy: method /pkg.Service/Method: max server delay -1ns: want > 0s, or 0s for the default\n" +
				"policy: method /pkg.Service/Method: Quota: max -1ns: want >= base 0s\n" +
				"policy: method /pkg.Service/Method: Server: retries -1: want >= 0\n" +
				"policy: method /pkg.Service/Method: Server: base -1ns: want >= 0s\n" +
				"policy: method /pkg.Service/Method: Ended: retries 1: want 0, there is nothing to retry",
		},
		{
			"a timeout and hedges of a method",
			withMethods(policy.Method{Pattern: m, Timeout: -1, Hedge: policy.Hedge{Delay: -2, Attempts: -3}}),
			"policy: method " + m + ": timeout -1ns: want > 0s, or 0s for none\n" +
				"policy: method " + m + ": hedge delay -2ns: want >= 0s\n" +
				"policy: method " + m + ": hedge attempts -3: want 0 to 101, the first included",
		},
		{
			"a method whose attempts cut rows of the table",
			withMethods(policy.Method{Pattern: m, Limits: policy.Limits{MaxAttempts: 3}}),
			"policy: method /pkg.Service/Method: Server: retries 3: want <= 2 with max attempts 3\n" +
				"policy: method /pkg.Service/Method: Network: retries 5: want <= 2 with max attempts 3\n" +
				"policy: method /pkg.Service/Method: Timeout: retries 5: want <= 2 with max attempts 3\n" +
				"policy: method /pkg.Service/Method: Other: retries 3: want <= 2 with max attempts 3",
		},
		{
			"a method whose row is cut by the attempts of all",
			configWith(func(c *policy.Config) {
				c.Limits.MaxAttempts = 6
				c.Methods = []policy.Method{{Pattern: m, Rows: map[codes.Class]policy.Policy{codes.Server: six}}}
			}),
			"policy: method /pkg.Service/Method: Server: retries 6: want <= 5 with max attempts 6",
		},
		{
			"the rows of one method are not those of another",
			withMethods(
				policy.Method{Pattern: "/pkg.Service/*", Rows: map[codes.Class]policy.Policy{codes.Server: six}},
				policy.Method{Pattern: m, Limits: policy.Limits{MaxAttempts: 6}},
			),
			"",
		},
		{
			"a fault of the table is not blamed on a method as well",
			configWith(func(c *policy.Config) {
				c.Table[codes.Server].Retries = -1
				c.Limits.MaxAttempts = 3
				c.Methods = []policy.Method{{
					Pattern: m,
					Rows:    map[codes.Class]policy.Policy{codes.Quota: {Retries: 1}},
					Limits:  policy.Limits{MaxElapsed: time.Hour},
				}}
			}),
			"policy: Server: retries -1: want >= 0\n" +
				"policy: Network: retries 5: want <= 2 with max attempts 3\n" +
				"policy: Timeout: retries 5: want <= 2 with max attempts 3\n" +
				"policy: Other: retries 3: want <= 2 with max attempts 3",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { wantError(t, c.in.Validate(), c.want) })
	}
}

// TestConfigValidate_changesNothing: the rows of a method are laid over a copy.
func TestConfigValidate_changesNothing(t *testing.T) {
	c := withMethods(policy.Method{
		Pattern: "/a.S/*",
		Rows:    map[codes.Class]policy.Policy{codes.Quota: {Retries: 1}},
	})
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Table != policy.Default() {
		t.Errorf("the table is now\n%v\nwant it as it was", c.Table)
	}
}

func TestConfigMethod_longestPatternWins(t *testing.T) {
	c := withMethods(
		policy.Method{Pattern: "/pkg.Service/*"},
		policy.Method{Pattern: "/pkg.Service/GetThing"},
		policy.Method{Pattern: "/*"},
		policy.Method{Pattern: "/pkg.Service/Get*"},
		policy.Method{Pattern: "/other.*"},
	)
	cases := []struct{ method, want string }{
		{"/pkg.Service/GetThing", "/pkg.Service/GetThing"},
		{"/pkg.Service/GetThings", "/pkg.Service/Get*"},
		{"/pkg.Service/List", "/pkg.Service/*"},
		{"/pkg.Services/List", "/*"},
		{"/other.Service/Get", "/other.*"},
	}
	for _, test := range cases {
		got := c.Method(test.method)
		if got == nil || got.Pattern != test.want {
			t.Errorf("Method(%q) = %+v, want the section of %q", test.method, got, test.want)
		}
	}
	none := withMethods(policy.Method{Pattern: "/pkg.Service/*"})
	if got := none.Method("/pkg.Other/Get"); got != nil {
		t.Errorf("got %+v for a method that nothing matches, want nil", got)
	}
}

func TestLive_badConfigKeepsTheOld(t *testing.T) {
	good := configWith(func(c *policy.Config) { c.Table[codes.Quota].Retries = 4 })
	live, err := policy.NewLive(good)
	if err != nil {
		t.Fatal(err)
	}
	before := live.Load()
	bad := configWith(func(c *policy.Config) { c.Table[codes.Quota].Retries = -1 })
	wantError(t, live.Store(bad), "policy: Quota: retries -1: want >= 0")
	if live.Load() != before {
		t.Errorf("a bad Config was put in force: %+v", live.Load())
	}
	if diff := cmp.Diff(good, *live.Load()); diff != "" {
		t.Errorf("in force is another Config (-want +got):\n%s", diff)
	}
	l, err := policy.NewLive(bad)
	wantError(t, err, "policy: Quota: retries -1: want >= 0")
	if l != nil {
		t.Errorf("NewLive gave %v beside an error, want nil", l)
	}
}

func TestLive_swapsForThoseWhoLoadLater(t *testing.T) {
	live, err := policy.NewLive(policy.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	early := live.Load()
	next := configWith(func(c *policy.Config) { c.Limits.MaxAttempts = 9 })
	if err := live.Store(next); err != nil {
		t.Fatal(err)
	}
	if got := early.Limits.MaxAttempts; got != 0 {
		t.Errorf("a Config that was loaded before has max attempts %d, want it unchanged", got)
	}
	if got := live.Load().Limits.MaxAttempts; got != 9 {
		t.Errorf("max attempts %d after the swap, want 9", got)
	}
}

// TestLive_sharesNothingWithTheCaller: a caller that goes on editing its own
// value must not edit what is in force, past Validate and without a lock.
func TestLive_sharesNothingWithTheCaller(t *testing.T) {
	fresh := func() policy.Config {
		repeatable := true
		return withMethods(policy.Method{
			Pattern:    "/a.S/*",
			Rows:       map[codes.Class]policy.Policy{codes.Quota: {Retries: 1}},
			Repeatable: &repeatable, WaitForReady: new(true),
		}, policy.Method{Pattern: "/b.S/*"})
	}
	mine := fresh()
	live, err := policy.NewLive(mine)
	if err != nil {
		t.Fatal(err)
	}
	edits := []struct {
		name string
		edit func()
	}{
		{"a row of a method", func() { mine.Methods[0].Rows[codes.Quota] = policy.Policy{Retries: -9} }},
		{"a new row", func() { mine.Methods[0].Rows[codes.Server] = policy.Policy{Retries: -9} }},
		{"whether it may run twice", func() { *mine.Methods[0].Repeatable = false }},
		{"whether it waits", func() { *mine.Methods[0].WaitForReady = false }},
		{"a whole section", func() { mine.Methods[1] = policy.Method{Pattern: "/c.S/*"} }},
		{"the table", func() { mine.Table[codes.Quota].Retries = -9 }},
	}
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			e.edit()
			if diff := cmp.Diff(fresh(), *live.Load()); diff != "" {
				t.Errorf("what is in force has changed (-want +got):\n%s", diff)
			}
		})
	}
}
