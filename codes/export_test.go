package codes

// Rules returns every row of the package's own tables, so that the tests can
// tell whether they cover each of them.
func Rules() []Rule {
	var all []Rule
	for _, table := range [][]Rule{limitRules, permanentRules, localRules, transientRules, codeRules} {
		all = append(all, table...)
	}
	return append(all, otherRule, callerDoneRule, callerDeadlineRule, contextErrorRule)
}
