package codes

import (
	"cmp"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// This file belongs to rules_google.go and holds the searches in names and texts.

// violation returns the violation behind the verdict: the first of a daily quota,
// else the first of a per-minute quota, else the first of all, or nil.
func (r *Report) violation() *errdetails.QuotaFailure_Violation {
	for _, period := range [...]func(string) bool{perDay, perMinute} {
		for _, v := range r.Violations {
			if period(v.GetQuotaId()) || period(v.GetQuotaMetric()) {
				return v
			}
		}
	}
	if len(r.Violations) > 0 {
		return r.Violations[0]
	}
	return nil
}

// anyViolation reports whether any violation is of a quota with that period.
func (r *Report) anyViolation(period func(string) bool) bool {
	for _, v := range r.Violations {
		if period(v.GetQuotaId()) || period(v.GetQuotaMetric()) {
			return true
		}
	}
	return false
}

// anyMetadata reports whether some ErrorInfo's value under the key passes the test.
func (r *Report) anyMetadata(key string, is func(string) bool) bool {
	for _, info := range r.Infos {
		if is(info.GetMetadata()[key]) {
			return true
		}
	}
	return false
}

func isZero(s string) bool { return s == "0" }

// perDay reports whether the name of a quota, or a message about a quota, speaks of a
// day.
func perDay(s string) bool {
	return strings.Contains(s, "PerDay") || strings.Contains(s, "Daily") || hasWord(s, "per_day") || hasWord(s, "per day")
}

// perMinute reports whether the name of a quota, or a message about a quota, speaks
// of a minute.
func perMinute(s string) bool {
	return strings.Contains(s, "PerMinute") || hasWord(s, "per_minute") || hasWord(s, "per minute")
}

// limitZero reports whether the message names a limit of exactly zero.
func limitZero(s string) bool {
	const text = "limit: 0"
	for {
		i := strings.Index(s, text)
		if i < 0 {
			return false
		}
		begins := i == 0 || !isLetter(s[i-1])
		s = s[i+len(text):]
		if begins && (s == "" || (s[0] != '.' && (s[0] < '0' || s[0] > '9'))) {
			return true
		}
	}
}

// aboutMoney reports whether the message says that no money is left, for good or for
// this month. The ordinary quota text ("please check your plan and billing details")
// does not count. Neither does a spend limit without a lasting word: the limit may be
// counted over minutes.
func aboutMoney(s string) bool {
	if before, after, ok := strings.Cut(s, "lease check your plan and billing details"); ok {
		return aboutMoney(before) || aboutMoney(after)
	}
	return hasAnyWord(s, money) || (spendLimit(s) && hasAnyWord(s, lasting))
}

// money are words for credit. lasting are words for a spend limit that does not end
// within minutes.
var (
	money   = []string{"billing", "credits", "credit balance", "prepayment", "prepaid", "spending cap", "spending limit"}
	lasting = []string{"monthly", "month", "disabled"}
)

// spendLimit reports whether the message is about a spend limit.
func spendLimit(s string) bool {
	return strings.Contains(s, "pend limit") && hasAnyWord(s, []string{"spend limit", "spend limits"})
}

// noFreeTier reports whether the message says that the model has no quota without
// billing: a limit of zero in other words.
func noFreeTier(s string) bool {
	for _, tier := range [...]string{"ree quota tier", "ree tier", "ree Tier"} {
		i := strings.Index(s, tier) - 1
		if i <= 0 || (i+1+len(tier) < len(s) && isLetter(s[i+1+len(tier)])) {
			continue
		}
		before := strings.TrimSuffix(strings.TrimSuffix(s[:i], "the "), "a ")
		if s[i]|0x20 == 'f' && hasSuffix(before, noTier) {
			return true
		}
	}
	return false
}

// noTier are the words before the name of a tier that lacks the model.
var noTier = []string{
	"doesn't have ", "doesn’t have ", "does not have ", "don't have ", "do not have ", "has no ", "have no ", "there is no ", "There is no ",
	"not available in ", "not available on ", "not available for ", "not available with ", "not offered in ", "not offered on ",
	"not included in ", "not part of ", "not supported in ", "not supported on ", "unavailable in ", "unavailable on ", "no quota in ", "no quota for ",
}

// service returns the service named by the ErrorInfos, or "" if the ErrorInfos
// disagree: one of the ErrorInfos then belongs to another call.
func (r *Report) service() string {
	named := ""
	for _, info := range r.Infos {
		service := cmp.Or(info.GetMetadata()["service"], info.GetDomain())
		if named != "" && service != "" && service != named {
			return ""
		}
		named = cmp.Or(named, service)
	}
	return named
}

// limitValue returns the quota limit in an ErrorInfo, or zero.
func limitValue(info *errdetails.ErrorInfo) int64 {
	n, err := strconv.ParseInt(info.GetMetadata()["quota_limit_value"], 10, 64)
	if err != nil {
		return 0
	}
	return max(n, 0)
}
