package codes

import (
	"slices"

	grpccodes "google.golang.org/grpc/codes"
)

// byCode is the order in which the package's own rules are tried, for each
// status code apart: the rules that can hold for that code, so that a failure
// is not held against those that cannot.
var byCode = index(tables()...)

// tables are the rules in the order in which they are tried.
func tables() [][]Rule {
	return [][]Rule{limitRules, permanentRules, localRules, transientRules, codeRules}
}

// unknownCode stands for every code that gRPC does not know.
const unknownCode = grpccodes.Unauthenticated + 1

// candidates are the rules to try for a code. Most failures have no details and are the
// peer's answer, and then most rules cannot hold.
type candidates struct {
	plain, detailed []candidate
	answered        struct{ plain, detailed []candidate }
}

// candidate is a rule, and the first bytes of the messages that it can hold for; nil
// for all.
type candidate struct {
	*Rule
	first *[256]bool
}

// firsts returns the first bytes of the rule's prefixes.
func (r *Rule) firsts() *[256]bool {
	if len(r.Prefixes) == 0 {
		return nil
	}
	var first [256]bool
	for _, p := range r.Prefixes {
		first[p[0]] = true
	}
	return &first
}

func index(tables ...[]Rule) [unknownCode + 1]candidates {
	var all [unknownCode + 1]candidates
	for code := range all {
		c := &all[code]
		for _, table := range tables {
			for i := range table {
				if rule := &table[i]; len(rule.Codes) == 0 || slices.Contains(rule.Codes, grpccodes.Code(code)) {
					c.add(rule)
				}
			}
		}
	}
	return all
}

// add adds a rule wherever it can hold.
func (c *candidates) add(rule *Rule) {
	plain := !rule.Details && len(rule.Reasons) == 0
	one := candidate{rule, rule.firsts()}
	c.detailed = append(c.detailed, one)
	if plain {
		c.plain = append(c.plain, one)
	}
	if rule.Local || (len(rule.Reaches) > 0 && !slices.Contains(rule.Reaches, Answered)) {
		return
	}
	c.answered.detailed = append(c.answered.detailed, one)
	if plain {
		c.answered.plain = append(c.answered.plain, one)
	}
}

// builtin returns the package's own rules that can hold for a report. Their codes need
// no further look.
func builtin(rep *Report) []candidate {
	c := &byCode[min(rep.Code, unknownCode)]
	switch {
	case rep.Reach == Answered && rep.details:
		return c.answered.detailed
	case rep.Reach == Answered:
		return c.answered.plain
	case rep.details:
		return c.detailed
	}
	return c.plain
}

// SourceOf returns why there is a rule with that name: the document, the source or the
// observation that it goes by; empty where the package has none of that name.
func SourceOf(rule string) string {
	for _, table := range append(tables(), relayRules) {
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
