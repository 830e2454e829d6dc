package codes_test

import (
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
)

// The stock sentences of the Gemini API's quota errors.
const (
	stock      = "You exceeded your current quota, please check your plan and billing details."
	stockLimit = stock + "\n* Quota exceeded for metric: generativelanguage.googleapis.com/requests, limit: "
)

func errorInfo(reason, domain string, pairs ...string) *errdetails.ErrorInfo {
	info := &errdetails.ErrorInfo{Reason: reason, Domain: domain, Metadata: make(map[string]string)}
	for i := 0; i+1 < len(pairs); i += 2 {
		info.Metadata[pairs[i]] = pairs[i+1]
	}
	return info
}

func quotaFailure(ids ...string) *errdetails.QuotaFailure {
	failure := &errdetails.QuotaFailure{}
	for _, id := range ids {
		failure.Violations = append(failure.Violations, &errdetails.QuotaFailure_Violation{QuotaId: id, QuotaMetric: "metric of " + id})
	}
	return failure
}

func retryInfo(d time.Duration) *errdetails.RetryInfo {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(d)}
}

// quotaCase is a status as Google's services send them.
type quotaCase struct {
	name    string
	code    grpccodes.Code
	message string
	details []protoadapt.MessageV1

	class codes.Class
	rule  string
	delay time.Duration
	asked bool
}

func (tc *quotaCase) run(t *testing.T) {
	t.Helper()
	err := status.Error(tc.code, tc.message)
	if len(tc.details) > 0 {
		err = withDetails(t, tc.code, tc.message, tc.details...)
	}
	f := codes.Classify(err, evidenceOf(codes.Answered))
	if f.Class != tc.class || f.Rule != tc.rule {
		t.Errorf("%v by rule %s, want %v by rule %s", f.Class, f.Rule, tc.class, tc.rule)
	}
	if f.Delay != tc.delay || f.Asked != tc.asked {
		t.Errorf("delay %v, asked %v; want %v, %v", f.Delay, f.Asked, tc.delay, tc.asked)
	}
}

func details(all ...protoadapt.MessageV1) []protoadapt.MessageV1 { return all }

const (
	re = grpccodes.ResourceExhausted
	un = grpccodes.Unavailable
	pd = grpccodes.PermissionDenied
	ua = grpccodes.Unauthenticated
	ia = grpccodes.InvalidArgument
)

// spentCases are about quotas that do not refill soon, and what looks alike.
func spentCases() []quotaCase {
	return []quotaCase{
		{name: "a limit of zero", code: re, message: stockLimit + "0, model: m\nPlease retry in 20.04s.", class: codes.Spent, rule: "quota-zero"},
		{name: "a limit of zero at the end", code: re, message: "limit: 0", class: codes.Spent, rule: "quota-zero"},
		{name: "a limit of zero in the metadata", code: re, message: "x", details: details(errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "quota_limit_value", "0"), retryInfo(9*time.Second)), class: codes.Spent, rule: "quota-zero"},
		{
			name: "no free tier, in words", code: re, message: "The model doesn't have a free quota tier. Please use another instead.",
			details: details(quotaFailure(""), retryInfo(33*time.Second)), class: codes.Spent, rule: "quota-zero",
		},
		{name: "a free tier that is there", code: re, message: "The free tier is busy. Move from the free tier to a paid one.", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a limit of half", code: re, message: stockLimit + "0.5", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a limit with a leading zero", code: re, message: stockLimit + "05", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a limit of ten", code: re, message: stockLimit + "10", class: codes.Quota, rule: "resource-exhausted"},
		{name: "another limit first", code: re, message: stockLimit + "05, limit: 0", class: codes.Spent, rule: "quota-zero"},
		{name: "a word that ends in limit", code: re, message: "ratelimit: 0", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a limit of zero under another code", code: un, message: "limit: 0", class: codes.Server, rule: "unavailable"},
		{name: "a limit of ten in the metadata", code: re, message: "x", details: details(errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "quota_limit_value", "10")), class: codes.Quota, rule: "rate-limit"},
		{
			name: "an absent quota value proves nothing", code: re, message: stock, details: details(quotaFailure("RequestsPerProject")),
			class: codes.Quota, rule: "quota-failure",
		},

		{name: "prepayment", code: re, message: "Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.", class: codes.Spent, rule: "billing"},
		{name: "a spending cap", code: re, message: "Your project has exceeded its monthly spending cap. Please go to AI Studio to manage it.", class: codes.Spent, rule: "billing"},
		{name: "a credit balance", code: re, message: "Your credit balance is too low.", class: codes.Spent, rule: "billing"},
		{name: "the stock sentence about billing details", code: re, message: stock, class: codes.Quota, rule: "resource-exhausted"},
		{name: "the stock sentence on its own", code: re, message: "Please check your plan and billing details.", class: codes.Quota, rule: "resource-exhausted"},
		{name: "the stock sentence and another", code: re, message: stock + " Billing is off.", class: codes.Spent, rule: "billing"},
		{name: "a word that contains billing", code: re, message: "The rebilling queue is full.", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a word that contains it twice", code: re, message: "billingbilling", class: codes.Quota, rule: "resource-exhausted"},
		{name: "billing, but come back", code: re, message: "Your billing tier is busy. Please retry in 4s.", class: codes.Quota, rule: "quota-hint", delay: 4 * time.Second, asked: true},
		{name: "billing under another code", code: un, message: "The billing service is down.", class: codes.Server, rule: "unavailable"},

		{name: "a quota per day", code: re, message: stock, details: details(quotaFailure("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), retryInfo(38*time.Second)), class: codes.Spent, rule: "quota-per-day"},
		{name: "a quota per day among others", code: re, message: stock, details: details(quotaFailure("RequestsPerMinute", "TokensPerMinute", "RequestsPerDay")), class: codes.Spent, rule: "quota-per-day"},
		{name: "a daily quota", code: re, message: stock, details: details(quotaFailure("DailyRequests")), class: codes.Spent, rule: "quota-per-day"},
		{name: "a quota per day on another code", code: un, message: "x", details: details(quotaFailure("RequestsPerDay")), class: codes.Spent, rule: "quota-per-day"},
		{name: "a limit per day in the metadata", code: re, message: "x", details: details(errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "quota_limit", "RequestsPerDay")), class: codes.Spent, rule: "quota-per-day"},
		{name: "a metric per day in the metadata", code: re, message: "x", details: details(errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "quota_metric", "requests_per_day")), class: codes.Spent, rule: "quota-per-day"},
		{name: "a text about requests per day", code: re, message: "limit 'Requests per day per user' of service 'x'", class: codes.Spent, rule: "quota-per-day"},
		{name: "a metric per day in the text", code: re, message: "metric generate_requests_per_day, limit: 250\nPlease retry in 5s.", class: codes.Spent, rule: "quota-per-day"},
		{name: "a day with hours to go", code: re, message: "Requests per day.", details: details(retryInfo(2 * time.Hour)), class: codes.Spent, rule: "quota-per-day", delay: 2 * time.Hour, asked: true},
		{name: "a text about super daylight", code: re, message: "super daylight", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a day under another code", code: un, message: "100 requests per day", class: codes.Server, rule: "unavailable"},

		{name: "an exhausted account", code: re, message: "Individual quota reached.", details: details(errorInfo("QUOTA_EXHAUSTED", "cloudcode-pa.googleapis.com"), retryInfo(9*time.Hour)), class: codes.Spent, rule: "quota-exhausted", delay: 9 * time.Hour, asked: true},
		{name: "credits used up", code: re, message: "x", details: details(errorInfo("INSUFFICIENT_G1_CREDITS_BALANCE", "cloudcode-pa.googleapis.com")), class: codes.Spent, rule: "quota-exhausted"},
		{name: "a resource quota", code: re, message: "x", details: details(errorInfo("RESOURCE_QUOTA_EXCEEDED", "googleapis.com")), class: codes.Spent, rule: "quota-exhausted"},
		{name: "the same reason of another domain", code: re, message: "x", details: details(errorInfo("QUOTA_EXHAUSTED", "db.example.com")), class: codes.Quota, rule: "resource-exhausted"},
		{name: "the same reason of a domain that ends alike", code: re, message: "x", details: details(errorInfo("QUOTA_EXHAUSTED", "notgoogleapis.com")), class: codes.Quota, rule: "resource-exhausted"},
		{
			name: "the same reason of another domain beside one of Google's", code: re, message: "x",
			details: details(errorInfo("QUOTA_EXHAUSTED", "db.example.com"), errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com")),
			class:   codes.Quota, rule: "rate-limit",
		},

		{name: "billing is off", code: re, message: "x", details: details(errorInfo("BILLING_DISABLED", "googleapis.com")), class: codes.Spent, rule: "billing-disabled"},
		{name: "billing is off elsewhere", code: re, message: "x", details: details(errorInfo("BILLING_DISABLED", "example.com")), class: codes.Quota, rule: "resource-exhausted"},
		{name: "billing is off, as a right", code: pd, message: "x", details: details(errorInfo("BILLING_DISABLED", "googleapis.com")), class: codes.Auth, rule: "access-denied"},
	}
}

// quotaCases are about quotas that refill, and what looks alike.
func quotaCases() []quotaCase {
	return []quotaCase{
		{name: "spending of the last minutes", code: re, message: "You exceeded your project's spend limit.", class: codes.Quota, rule: "spend-limit", delay: 2 * time.Minute},
		{
			name: "spending of the last minutes with a hint", code: re, message: "You exceeded your project's spend limit.",
			details: details(retryInfo(9 * time.Second)), class: codes.Quota, rule: "spend-limit", delay: 9 * time.Second, asked: true,
		},
		{name: "per minute without a hint", code: re, message: stock, details: details(quotaFailure("GenerateRequestsPerMinutePerProject")), class: codes.Quota, rule: "quota-per-minute", delay: time.Minute},
		{
			name: "per minute with a hint and its text", code: re, message: stock + "\nPlease retry in 38.92s.",
			details: details(quotaFailure("InputTokensPerMinute"), retryInfo(38*time.Second)),
			class:   codes.Quota, rule: "quota-per-minute", delay: 38920 * time.Millisecond, asked: true,
		},
		{
			name: "per minute with a hint larger than the text", code: re, message: stock + "\nPlease retry in 3s.",
			details: details(quotaFailure("InputTokensPerMinute"), retryInfo(38*time.Second)),
			class:   codes.Quota, rule: "quota-per-minute", delay: 38 * time.Second, asked: true,
		},
		{name: "per minute in the metadata", code: re, message: "x", details: details(errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "quota_limit", "ReadsPerMinutePerProject")), class: codes.Quota, rule: "quota-per-minute", delay: time.Minute},
		{name: "a metric per minute in the metadata", code: re, message: "x", details: details(errorInfo("", "", "quota_metric", "requests_per_minute")), class: codes.Quota, rule: "quota-per-minute", delay: time.Minute},
		{name: "per minute in the text", code: re, message: "limit 'Requests per minute' of service 'x'", class: codes.Quota, rule: "quota-per-minute", delay: time.Minute},
		{name: "a text about upper minutes", code: re, message: "upper minutes", class: codes.Quota, rule: "resource-exhausted"},
		{name: "per minute under another code", code: un, message: "100 requests per minute", class: codes.Server, rule: "unavailable"},

		{name: "a quota of Vertex by its name", code: re, message: "Quota exceeded for aiplatform.googleapis.com/generate_content_requests with base model: gemini-2.5-pro.", class: codes.Quota, rule: "vertex-quota", delay: time.Minute},
		{name: "a quota of another service by its name", code: re, message: "Quota exceeded for bigquery.googleapis.com/queries", class: codes.Quota, rule: "resource-exhausted"},

		{name: "a rate limit", code: re, message: "x", details: details(errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com")), class: codes.Quota, rule: "rate-limit"},
		{name: "a rate limit without domain", code: re, message: "x", details: details(errorInfo("RATE_LIMIT_EXCEEDED", "")), class: codes.Quota, rule: "rate-limit"},
		{name: "a rate limit with a reset delay", code: re, message: "x", details: details(errorInfo("RATE_LIMIT_EXCEEDED", "cloudcode-pa.googleapis.com", "quotaResetDelay", "539.477544ms")), class: codes.Quota, rule: "rate-limit", delay: 539477544 * time.Nanosecond, asked: true},
		{name: "a rate limit of another domain", code: un, message: "x", details: details(errorInfo("RATE_LIMIT_EXCEEDED", "example.com")), class: codes.Server, rule: "unavailable"},

		{name: "a model without capacity", code: re, message: "x", details: details(errorInfo("MODEL_CAPACITY_EXHAUSTED", "cloudcode-pa.googleapis.com")), class: codes.Quota, rule: "model-capacity-quota"},
		{name: "a model without capacity, unavailable", code: un, message: "x", details: details(errorInfo("MODEL_CAPACITY_EXCEEDED", "googleapis.com")), class: codes.Server, rule: "model-capacity"},
		{name: "a model without capacity under another code", code: ia, message: "x", details: details(errorInfo("MODEL_CAPACITY_EXHAUSTED", "googleapis.com")), class: codes.Request, rule: "invalid-argument"},

		{name: "a quota named without period", code: un, message: "x", details: details(quotaFailure("Sessions")), class: codes.Quota, rule: "quota-failure"},
		{name: "a quota named under another code", code: grpccodes.Internal, message: "x", details: details(quotaFailure("Sessions")), class: codes.Server, rule: "internal"},
		{name: "a QuotaFailure without violations", code: un, message: "x", details: details(quotaFailure()), class: codes.Server, rule: "unavailable"},

		{name: "a hint alone", code: re, message: "x", details: details(retryInfo(7 * time.Second)), class: codes.Quota, rule: "quota-hint", delay: 7 * time.Second, asked: true},
		{name: "a hint of the text alone", code: re, message: "Busy. Please retry in 18.403470473s.", class: codes.Quota, rule: "quota-hint", delay: 18403470473 * time.Nanosecond, asked: true},
		{name: "the largest of several texts", code: re, message: "Please retry in 5s. Please retry in 1m5s, or later.\nPlease retry in 3s.", class: codes.Quota, rule: "quota-hint", delay: 65 * time.Second, asked: true},
		{name: "the word retry", code: re, message: "Please do not retry.", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a text in the middle of a sentence", code: re, message: "The user said Please retry in 5s.", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a text without unit", code: re, message: "Please retry in 5 seconds.", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a text about time past", code: re, message: "Please retry in -5s.", class: codes.Quota, rule: "resource-exhausted"},
		{name: "a hint makes nothing a quota", code: grpccodes.Internal, message: "Please retry in 5s.", class: codes.Server, rule: "internal", delay: 5 * time.Second, asked: true},

		{name: "shared capacity", code: re, message: "Resource exhausted. Please try again later. Please refer to the documentation.", class: codes.Quota, rule: "shared-capacity"},
		{name: "another exhaustion", code: re, message: "Resource exhausted: disk.", class: codes.Quota, rule: "resource-exhausted"},
		{name: "provisioned throughput", code: re, message: "Too many requests. Exceeded the Provisioned Throughput.", class: codes.Quota, rule: "provisioned-throughput"},
		{name: "provisioned throughput by the way", code: re, message: "You have not exceeded the provisioned throughput", class: codes.Quota, rule: "resource-exhausted"},
		{name: "the bare text", code: re, message: "Resource has been exhausted (e.g. check quota).", class: codes.Quota, rule: "resource-exhausted"},
	}
}

// otherCases are about everything but quotas.
func otherCases() []quotaCase {
	return []quotaCase{
		{name: "a project that is none", code: ia, message: "x", details: details(errorInfo("RESOURCE_PROJECT_INVALID", "googleapis.com")), class: codes.Request, rule: "wrong-request"},
		{name: "a parameter unknown elsewhere", code: un, message: "x", details: details(errorInfo("SYSTEM_PARAMETER_UNSUPPORTED", "example.com")), class: codes.Server, rule: "unavailable"},

		{
			name: "a service switched off, and its text speaks of retrying", code: pd,
			message: "API has not been used before or it is disabled. Enable it, then retry.", details: details(errorInfo("SERVICE_DISABLED", "googleapis.com")),
			class: codes.Auth, rule: "access-denied",
		},
		{name: "a key in disguise", code: ia, message: "x", details: details(errorInfo("API_KEY_INVALID", "googleapis.com")), class: codes.Auth, rule: "access-denied"},
		{name: "a user without access, unavailable", code: un, message: "x", details: details(errorInfo("CONSUMER_SUSPENDED", "googleapis.com")), class: codes.Auth, rule: "access-denied"},
		{name: "a reason of another domain", code: ia, message: "x", details: details(errorInfo("API_KEY_INVALID", "example.com")), class: codes.Request, rule: "invalid-argument"},

		{name: "a key by its text", code: ia, message: "API key not valid. Please pass a valid API key.", class: codes.Auth, rule: "api-key"},
		{name: "a key by the way", code: ia, message: "The field API key not valid. is unknown", class: codes.Request, rule: "invalid-argument"},

		{name: "a token that expired", code: ua, message: "x", details: details(errorInfo("ACCESS_TOKEN_EXPIRED", "googleapis.com")), class: codes.Expired, rule: "token-expired"},
		{name: "a token that expired elsewhere", code: ua, message: "x", details: details(errorInfo("ACCESS_TOKEN_EXPIRED", "example.com")), class: codes.Auth, rule: "unauthenticated"},

		{name: "a proxy whose upstream went away", code: un, message: "upstream connect error or disconnect/reset before headers. reset reason: connection termination", class: codes.Server, rule: "proxy-cut"},
		{name: "a proxy that never reached its upstream", code: un, message: "upstream connect error or disconnect/reset before headers. reset reason: connection failure", class: codes.Server, rule: "unavailable"},
		{name: "a deadline of the server's own", code: un, message: "Deadline expired before operation could complete.", class: codes.Server, rule: "deadline-expired"},
		{name: "a deadline elsewhere", code: un, message: "The Deadline expired before operation could complete.", class: codes.Server, rule: "unavailable"},
		{name: "a model overloaded", code: un, message: "The model is overloaded. Please try again later.", class: codes.Server, rule: "overloaded"},
		{name: "high demand", code: un, message: "This model is currently experiencing high demand.", class: codes.Server, rule: "overloaded"},
		{name: "a model that is not", code: un, message: "The model is over.", class: codes.Server, rule: "unavailable"},
	}
}

func TestClassify_textsAndDetailsOfGoogle(t *testing.T) {
	for _, cases := range [][]quotaCase{spentCases(), quotaCases(), otherCases()} {
		for _, tc := range cases {
			t.Run(tc.name, tc.run)
		}
	}
}

func TestClassify_cancelledByGoogle(t *testing.T) {
	// After early headers nothing but the text tells Google's HTTP 499 from a
	// stream that the transport cancelled.
	for message, want := range map[string]codes.Class{"The operation was cancelled.": codes.Server, "cancelled": codes.Network} {
		if f := codes.Classify(status.Error(grpccodes.Canceled, message), evidenceOf(codes.Lost)); f.Class != want {
			t.Errorf("%s: %v by rule %s, want %v", message, f.Class, f.Rule, want)
		}
	}
}

func TestClassify_mayHaveRun(t *testing.T) {
	for message, want := range map[string]bool{
		"Deadline expired before operation could complete.": true,
		"The model is overloaded.":                          false,
		"upstream request timeout":                          true,
		"upstream connect error or disconnect/reset before headers. reset reason: connection termination": true,
		"upstream connect error or disconnect/reset before headers. reset reason: connection failure":     false,
	} {
		if f := codes.Classify(status.Error(un, message), evidenceOf(codes.Answered)); f.MayHaveRun != want {
			t.Errorf("%s: MayHaveRun %v, want %v", message, f.MayHaveRun, want)
		}
	}
}

// TestRules_areAllCovered makes sure that each row of the tables is the
// verdict of some case.
func TestRules_areAllCovered(t *testing.T) {
	seen := map[string]bool{"caller-done": true, "caller-deadline": true, "context-error": true} // in table_test.go
	seen["metadata-server-starting"] = true                                                      // in rules_tokens_test.go
	for _, tc := range grpcTexts() {
		seen[tc.rule] = true
		seen[tc.answered] = true
	}
	for _, cases := range [][]quotaCase{spentCases(), quotaCases(), otherCases()} {
		for _, tc := range cases {
			seen[tc.rule] = true
		}
	}
	for c := range grpccodes.Code(17) {
		for _, r := range reaches() {
			f := codes.Classify(status.Error(c, "x"), evidenceOf(r))
			seen[f.Rule] = true
		}
	}
	for _, r := range codes.Rules() {
		if !seen[r.Name] {
			t.Errorf("rule %s decides no case", r.Name)
		}
	}
}
