package codes

import (
	"slices"

	grpccodes "google.golang.org/grpc/codes"
)

// byCode is the order in which the package's own rules are tried, for each
// status code apart: the rules that can hold for that code, so that a failure
// is not held against those that cannot.
var byCode = index(limitRules, permanentRules, localRules, transientRules, codeRules)

// unknownCode stands for every code that gRPC does not know.
const unknownCode = grpccodes.Unauthenticated + 1

// candidates are the rules to try for a code. Most failures have no details,
// and then most rules cannot hold.
type candidates struct {
	plain, detailed []*Rule
}

func index(tables ...[]Rule) [unknownCode + 1]candidates {
	var all [unknownCode + 1]candidates
	for code := range all {
		c := &all[code]
		for _, table := range tables {
			for i := range table {
				rule := &table[i]
				if len(rule.Codes) > 0 && !slices.Contains(rule.Codes, grpccodes.Code(code)) {
					continue
				}
				c.detailed = append(c.detailed, rule)
				if !rule.Details && len(rule.Reasons) == 0 {
					c.plain = append(c.plain, rule)
				}
			}
		}
	}
	return all
}

// builtin returns the package's own rules that can hold for a report.
func builtin(rep *Report) []*Rule {
	c := &byCode[min(rep.Code, unknownCode)]
	if rep.details {
		return c.detailed
	}
	return c.plain
}

// SourceOf returns why there is a rule with that name: the document, the source or the
// observation that it goes by; empty where the package has none of that name.
func SourceOf(rule string) string {
	for _, table := range [][]Rule{limitRules, permanentRules, localRules, transientRules, codeRules} {
		for i := range table {
			if table[i].Name == rule {
				return table[i].Source
			}
		}
	}
	for _, r := range []Rule{otherRule, callerDoneRule, callerDeadlineRule, contextErrorRule} {
		if r.Name == rule {
			return r.Source
		}
	}
	return ""
}
