package codes_test

import (
	"fmt"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/protoadapt"

	"github.com/reinvoke/reinvoke/codes"
)

func TestClassify_namesTheQuota(t *testing.T) {
	err := withDetails(t, re, stock,
		errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "quota_limit", "L", "quota_metric", "m"),
		quotaFailure("Sessions", "TokensPerMinute", "RequestsPerDay"))
	f := codes.Classify(err, evidenceOf(codes.Answered))
	if got, want := fmt.Sprint(f.QuotaID, "|", f.Metric, "|", f.Reason), "RequestsPerDay|metric of RequestsPerDay|RATE_LIMIT_EXCEEDED"; got != want {
		t.Errorf("quota %s, want the one that does not refill: %s", got, want)
	}
}

func TestClassify_namesTheQuotaByItsMetric(t *testing.T) {
	failure := quotaFailure("Sessions", "Requests")
	failure.Violations[1].QuotaMetric = "requests_per_day"
	f := codes.Classify(withDetails(t, re, stock, failure), evidenceOf(codes.Answered))
	if f.Rule != "quota-per-day" || f.QuotaID != "Requests" {
		t.Errorf("rule %s, quota %s; want quota-per-day, Requests", f.Rule, f.QuotaID)
	}
}

func TestClassify_quotaValue(t *testing.T) {
	of := func(id string, value int64) *errdetails.QuotaFailure {
		failure := quotaFailure("Sessions", id)
		failure.Violations[0].QuotaValue, failure.Violations[1].QuotaValue = 7, value
		return failure
	}
	for _, tc := range []struct {
		name    string
		details []protoadapt.MessageV1
		want    int64
	}{
		{"of the violation that counts", details(of("RequestsPerMinute", 250000)), 250000},
		{"before that of the ErrorInfo", details(errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "quota_limit_value", "10"), of("RequestsPerMinute", 20)), 20},
		{"of the ErrorInfo", details(errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "quota_limit_value", "10")), 10},
		{"one that is none", details(errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "quota_limit_value", "ten")), 0},
		{"one below zero", details(of("RequestsPerMinute", -1)), 0},
		{"none", details(quotaFailure("Sessions")), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if f := codes.Classify(withDetails(t, re, "x", tc.details...), evidenceOf(codes.Answered)); f.QuotaValue != tc.want {
				t.Errorf("%d, want %d", f.QuotaValue, tc.want)
			}
		})
	}
}

// TestClassify_service: only a typed refusal by a quota names a service.
func TestClassify_service(t *testing.T) {
	info := errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", "service", "aiplatform.googleapis.com")
	failure := quotaFailure("RequestsPerMinute")
	for _, tc := range []struct {
		name    string
		details []protoadapt.MessageV1
		want    string
	}{
		{"of both", details(info, failure), "aiplatform.googleapis.com"},
		{"by the domain, where it names none", details(failure, errorInfo("RATE_LIMIT_EXCEEDED", "shop.example.com")), "shop.example.com"},
		{"without a QuotaFailure", details(info), ""},
		{"without an ErrorInfo", details(failure), ""},
		{"two that do not agree", details(info, failure, errorInfo("OUT_OF_STOCK", "shop.example.com")), ""},
		{"two that agree", details(info, failure, info), "aiplatform.googleapis.com"},
		{"one that says nothing", details(errorInfo("X", ""), info, failure), "aiplatform.googleapis.com"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if f := codes.Classify(withDetails(t, re, "x", tc.details...), evidenceOf(codes.Answered)); f.Service != tc.want {
				t.Errorf("%q, want %q", f.Service, tc.want)
			}
		})
	}
}
