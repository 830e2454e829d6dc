package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

func TestQuota_matches(t *testing.T) {
	const (
		method = "/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent"
		gemini = method + " model=models/gemini-2.5-flash"
		vertex = "/google.cloud.aiplatform.v1.PredictionService/GenerateContent model=projects/p/locations/l/publishers/google/models/gemini-2.5-pro project=payer"
	)
	for _, tt := range []struct {
		pattern, key string
		want         bool
	}{
		{"models/gemini-2.5-*", gemini, true},
		{"models/gemini-2.5-*", vertex, true},
		{"model=models/gemini-2.5-flash", gemini, true},
		{"gemini-2.5-flash", gemini, true},
		{"gemini-2.5", gemini, false},
		{"*flash", gemini, true},
		{"*-2.5-*", gemini, true},
		{"gemini-*-*-flash", gemini, false},
		{"gemini-*-flash*", gemini, true},
		{"models/gemini-2.5-pro project=payer", vertex, true},
		{"project=payer models/gemini-2.5-pro", vertex, true},
		{"models/gemini-2.5-pro project=other", vertex, false},
		{"payer", vertex, true},
		{"GenerateContent", gemini, true},
		{"GenerativeService/GenerateContent", gemini, false},
		{"*.GenerativeService/*", gemini, true},
		{method, gemini, true},
		{"*", gemini, true},
		{"*", "", false},
		{"**", gemini, true},
		{"", gemini, false},
		{"  ", gemini, false},
		{"flash gemini-2.5-flash", gemini, false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
	} {
		q := policy.Quota{Pattern: tt.pattern}
		if got := q.Matches(tt.key); got != tt.want {
			t.Errorf("%q matches %q: %t, want %t", tt.pattern, tt.key, got, tt.want)
		}
	}
}

// FuzzQuota_matches: a key matches its own words, with any part replaced by a star, and no
// pattern makes the matching hang or panic.
func FuzzQuota_matches(f *testing.F) {
	f.Add("model=models/a", "b/c", 3, 5)
	f.Fuzz(func(t *testing.T, word, pattern string, from, to int) {
		q := policy.Quota{Pattern: pattern}
		_ = q.Matches(word)
		if len(word) == 0 || from < 0 || to < from || to > len(word) {
			return
		}
		for _, r := range word {
			if r <= ' ' || r == '*' || r > '~' { // words have no blanks
				return
			}
		}
		if q := (policy.Quota{Pattern: word[:from] + "*" + word[to:]}); !q.Matches("x " + word + " y") {
			t.Errorf("%q does not match %q", q.Pattern, word)
		}
	})
}

func TestQuotasFor(t *testing.T) {
	a := policy.Quota{Pattern: "models/*", Requests: 10}
	b := policy.Quota{Pattern: "models/gemini-*", Requests: 20, Window: time.Minute}
	c := policy.Quota{Pattern: "*", Tokens: 5, Window: 24 * time.Hour}
	d := policy.Quota{Pattern: "models/other", Requests: 1}
	b.Window = time.Minute
	day := c
	got := policy.QuotasFor([]policy.Quota{a, b, c, d}, "/a.S/M model=models/gemini-2.5-flash")
	if diff := cmp.Diff([]policy.Quota{b, day}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = policy.QuotasFor([]policy.Quota{b, a}, "model=models/x")
	a.Window = time.Minute
	if diff := cmp.Diff([]policy.Quota{a}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := policy.QuotasFor([]policy.Quota{d}, "model=models/x"); got != nil {
		t.Errorf("got %v, want none", got)
	}
}

func TestQuota_string(t *testing.T) {
	for want, q := range map[string]policy.Quota{
		"60 requests in 1m0s of *":                              {Pattern: "*", Requests: 60},
		"1 request and 100000 tokens in 1m0s of a":              {Pattern: "a", Requests: 1, Tokens: 100_000},
		"2 requests, 1 token and 3 items in 24h0m0s of a model": {Pattern: "a model", Requests: 2, Tokens: 1, Items: 3, Window: 24 * time.Hour},
	} {
		if got := q.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestConfigValidate_quotas: each fault is named with what was expected.
func TestConfigValidate_quotas(t *testing.T) {
	c := policy.DefaultConfig()
	c.Quotas = []policy.Quota{
		{Pattern: " ", Requests: 1},
		{Pattern: "a"},
		{Pattern: "b", Requests: -1, Tokens: -2, Items: -3, Window: time.Second - 1},
		{Pattern: "b  c", Requests: 1},
		{Pattern: "b c", Tokens: 1, Window: time.Minute},
		{Pattern: "b c", Tokens: 1, Window: 31 * 24 * time.Hour},
		{Pattern: "d", Requests: 1, Window: 31*24*time.Hour + 1},
	}
	const want = `policy: quota 1: pattern " ": want a name in the key of calls, such as "models/gemini-2.5-*"
policy: quota 2: no limit: want requests, tokens or items
policy: quota 3: requests -1: want > 0, or 0 for no limit
policy: quota 3: tokens -2: want > 0, or 0 for no limit
policy: quota 3: items -3: want > 0, or 0 for no limit
policy: quota 3: window 999.999999ms: want 1s to 744h, or 0s for a minute
policy: quota 5: pattern b c: given twice for 1m0s: want one limit for each window
policy: quota 7: window 744h0m0.000000001s: want 1s to 744h, or 0s for a minute`
	if err := c.Validate(); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	c.Quotas = []policy.Quota{{Pattern: "a", Requests: 1, Window: time.Second}}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// TestConfig_quotasAreCopied: a configuration in force does not change with the slice.
func TestConfig_quotasAreCopied(t *testing.T) {
	c := policy.DefaultConfig()
	c.Quotas = []policy.Quota{{Pattern: "a", Requests: 1}}
	live, err := policy.NewLive(c)
	if err != nil {
		t.Fatal(err)
	}
	c.Quotas[0].Requests = 2
	if got := live.Load().Quotas[0].Requests; got != 1 {
		t.Errorf("got %d requests, want 1", got)
	}
}

// TestTaughtBy: a refusal that names a limit for a minute teaches the limit.
func TestTaughtBy(t *testing.T) {
	quota := func(id, metric string, value int64) codes.Failure {
		return codes.Failure{Class: codes.Quota, QuotaID: id, Metric: metric, QuotaValue: value}
	}
	requests, tokens := policy.Quota{Requests: 10, Window: time.Minute}, policy.Quota{Tokens: 10, Window: time.Minute}
	for _, tt := range []struct {
		f    codes.Failure
		want policy.Quota
	}{
		{quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "generativelanguage.googleapis.com/generate_content_free_tier_requests", 10), requests},
		{quota("GenerateContentInputTokensPerModelPerMinute-FreeTier", "generativelanguage.googleapis.com/generate_content_free_tier_input_token_count", 10), tokens},
		{quota("", "aiplatform.googleapis.com/online_prediction_requests_per_minute_per_base_model", 10), requests},
		{quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "generativelanguage.googleapis.com/generate_content_free_tier_requests", 10), policy.Quota{}},
		{quota("GenerateRequestsPerMinutePerProjectPerModel", "", 0), policy.Quota{}},
		{quota("GenerateRequestsPerMinutePerProjectPerModel", "", -1), policy.Quota{}},
		{quota("ImagesPerMinute", "", 10), policy.Quota{}},
		{codes.Failure{Class: codes.Spent, QuotaID: "RequestsPerMinute", QuotaValue: 10}, policy.Quota{}},
		{codes.Failure{}, policy.Quota{}},
	} {
		got, ok := policy.TaughtBy(tt.f)
		if got != tt.want && ok {
			t.Errorf("%+v teaches %v, want %v", tt.f, got, tt.want)
		}
		if ok != (tt.want != policy.Quota{}) {
			t.Errorf("%+v teaches: %t", tt.f, ok)
		}
	}
}
