package policyfile

import (
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// mostAttempts replaces larger figures (gRFC A6).
const mostAttempts = 5

// attempts reads maxAttempts.
func (d *decoder) attempts(n *node, path string) int {
	k := n.get("maxAttempts")
	if k == nil {
		return mostAttempts
	}
	most := 0
	if err := (field{"maxAttempts", &most}).set(k.value); err != nil {
		d.fault(k.line, join(path, "maxAttempts"), "%v", err)
	} else if most < 2 {
		d.fault(k.line, join(path, "maxAttempts"), "%d: want 2 or more", most)
	} else if most > mostAttempts {
		d.unused.fault(k.line, join(path, "maxAttempts"), "%d: counts as %d, the most that gRFC A6 allows", most, mostAttempts)
	}
	return min(most, mostAttempts)
}

// retryPolicy reads a retry policy.
func (d *decoder) retryPolicy(k *key, path string, m *policy.Method) {
	row := policy.Policy{Jitter: policy.Symmetric}
	var retried policy.CodeSet
	d.section(k.value, path, []field{{"backoffMultiplier", &row.Multiplier}}, map[string]part{
		"retryableStatusCodes": func(k *key, path string) { d.codes(k, path, &retried) },
		"maxAttempts":          skip,
		"initialBackoff":       func(k *key, path string) { d.protoDuration(k, path, &row.Base, false) },
		"maxBackoff":           func(k *key, path string) { d.protoDuration(k, path, &row.Max, false) },
	})
	if k.value.kind != object {
		return
	}
	attempts := d.attempts(k.value, path)
	for _, name := range []string{"initialBackoff", "maxBackoff", "backoffMultiplier", "retryableStatusCodes"} {
		if k.value.get(name) == nil {
			d.fault(k.line, join(path, name), "missing: want one")
		}
	}
	if factor := k.value.get("backoffMultiplier"); factor != nil && !(row.Multiplier > 0) && factor.value.kind == word {
		d.fault(factor.line, join(path, "backoffMultiplier"), "%s: want more than 0", factor.value.describe())
	}
	if factor := k.value.get("backoffMultiplier"); row.Multiplier > 0 && row.Multiplier < 1 {
		d.unused.fault(factor.line, join(path, "backoffMultiplier"), "%v: counts as 1: no wait is shorter than the one before it", row.Multiplier)
	}
	if retried == 0 {
		return
	}
	row = shrinking(row)
	row.Retries = attempts - 1
	m.Rows, m.Codes, m.Limits.MaxAttempts, m.Repeatable = rowsFor(retried, row), retried, attempts, new(true)
}

// shrinking adapts a row allowed by gRFC A6: a maximum below the first backoff lowers that
// backoff, and a multiplier below 1 counts as 1, since no wait may be shorter than the wait
// before.
func shrinking(p policy.Policy) policy.Policy {
	p.Base = min(p.Base, p.Max)
	p.Multiplier = max(p.Multiplier, 1)
	return p
}

// codes reads a possibly empty list of codes.
func (d *decoder) codes(k *key, path string, to *policy.CodeSet) {
	if k.value.kind != list || len(k.value.items) > 0 {
		d.value(k, path, field{"", to})
	}
}

// hedgingPolicy reads a hedging policy. A failure with a code outside nonFatalStatusCodes ends
// the call.
func (d *decoder) hedgingPolicy(k *key, path string, m *policy.Method) {
	var nonFatal policy.CodeSet
	d.section(k.value, path, nil, map[string]part{
		"maxAttempts":         skip,
		"hedgingDelay":        func(k *key, path string) { d.protoDuration(k, path, &m.Hedge.Delay, true) },
		"nonFatalStatusCodes": func(k *key, path string) { d.codes(k, path, &nonFatal) },
	})
	if k.value.kind != object {
		return
	}
	m.Hedge.Attempts = d.attempts(k.value, path)
	m.Repeatable, m.Limits.MaxAttempts = new(true), m.Hedge.Attempts
	if nonFatal != 0 {
		m.Rows, m.Codes = rowsFor(nonFatal, policy.Policy{Retries: m.Hedge.Attempts - 1}), nonFatal
	}
}

// rowsFor returns the rows to retry failures with these codes: the rows of all transient
// classes, and of the default class of each code. Permanent failures with the same codes have
// other classes.
func rowsFor(set policy.CodeSet, row policy.Policy) map[codes.Class]policy.Policy {
	rows := map[codes.Class]policy.Policy{}
	for _, class := range []codes.Class{codes.Quota, codes.Server, codes.Network, codes.Timeout, codes.Other} {
		rows[class] = row
	}
	for _, code := range set.List() {
		if code == grpccodes.OK {
			continue
		}
		class := codes.Classify(status.Error(code, ""), codes.Evidence{Watched: true, Stream: true}).Class
		if class != codes.None && class != codes.Ended {
			rows[class] = row
		}
	}
	return rows
}
