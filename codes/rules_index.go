package codes

import (
	"slices"

	grpccodes "google.golang.org/grpc/codes"
)

// byCode holds the package's rules for each status code, in the order of trying.
// Splitting by code spares a failure the rules of other codes.
var byCode = index(tables()...)

// tables returns the rules in the order of trying.
func tables() [][]Rule {
	return [][]Rule{limitRules, permanentRules, localRules, transientRules, codeRules}
}

// unknownCode stands for every code unknown to gRPC.
const unknownCode = grpccodes.Unauthenticated + 1

// candidates are the rules to try for a code. Most failures come from the peer
// without details, and most rules cannot hold for those.
type candidates struct {
	plain, detailed []candidate
	answered        struct{ plain, detailed []candidate }
}

// candidate is a rule and the set of first bytes of its messages; nil for any byte.
type candidate struct {
	*Rule
	first *[256]bool
}

// firsts returns the set of first bytes of the rule's prefixes, or nil without
// prefixes.
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

// add adds a rule to every list of reports for which the rule can hold.
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

// builtin returns the package's rules that can hold for a report. The Codes of these
// rules match already.
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

// SourceOf returns the source of the package's rule with that name: a document,
// source code or an observation. For any other name the source is empty.
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
