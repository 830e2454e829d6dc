package explain

import (
	"regexp"
	"strings"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// ownError is the text of an interceptor.Error: the method, the reason for the end, and
// the history. The last attempt of the history matters.
var ownError = regexp.MustCompile(`(\S+) (?:failed for good|gave up|was ended by the caller) \(([\w-]+)\) after \d+ attempts? \[(?:[^\]]*, )?\w+ ([\w-]+)[^\]]*\]`)

// ownMessage is the message of a log line of ours.
var ownMessage = regexp.MustCompile(`\[RETRY\] \w+: .*? (?:attempt \d+ of|turned) (/\S+?/[\w.]+)`)

// fromError adds the facts in our own text around the status.
func (p *pasted) fromError(text string) {
	if m := ownMessage.FindStringSubmatch(text); m != nil && CheckMethod(m[1]) == nil {
		p.method = m[1]
	}
	m := ownError.FindStringSubmatch(text)
	if m == nil {
		return
	}
	if CheckMethod(m[1]) == nil {
		p.method = m[1]
	}
	p.refused = p.refused || m[2] == policy.NotRepeatable.String()
	if len(p.own) == 0 {
		p.follow(m[3])
	}
	if strings.Contains(text, " bytes cut)") {
		p.unread = append(p.unread, "the end of the message, which was cut")
	}
}

// follow finds evidence for the classification by a rule, the rule of the
// interceptor.
func (p *pasted) follow(rule string) {
	if p.failure().Rule == rule {
		return
	}
	before := p.evidence
	for _, p.evidence = range []codes.Evidence{answered(nil), {Watched: true, Stream: true}, {Watched: true}} {
		if p.failure().Rule == rule {
			p.assumed = "its history names the rule"
			return
		}
	}
	p.evidence = before
	f := p.failure()
	p.own = []codes.Rule{{Name: rule, Class: f.Class, MayHaveRun: f.MayHaveRun}}
	p.unread = append(p.unread, "why its history names the rule "+rule+": the class is that of the text alone")
}
