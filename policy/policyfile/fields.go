package policyfile

import (
	"strings"
	"unicode"

	"github.com/reinvoke/reinvoke/policy"
)

// field is a field of a section: the name in a file, and the destination of the value. A field
// is used to read a file, to write a file, and to find the place of a fault.
type field struct {
	name string
	to   any // a pointer to a bool, int, int64, float64, string, time.Duration, policy.Jitter, policy.Priority, policy.CodeSet or *bool
}

// words returns the name as spelled in the messages of package policy: "max wait" for
// "maxWait".
func (f field) words() string {
	var b strings.Builder
	for _, r := range f.name {
		if unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func rowFields(p *policy.Policy) []field {
	return []field{{"retries", &p.Retries}, {"base", &p.Base}, {"max", &p.Max}, {"multiplier", &p.Multiplier}, {"jitter", &p.Jitter}}
}

func limitFields(l *policy.Limits) []field {
	return []field{{"maxAttempts", &l.MaxAttempts}, {"maxElapsed", &l.MaxElapsed}, {"maxServerDelay", &l.MaxServerDelay}}
}

func budgetFields(b *policy.BudgetConfig) []field {
	return []field{{"max", &b.Max}, {"start", &b.Start}, {"earn", &b.Earn}, {"earnedMax", &b.EarnedMax}, {"earnedEarn", &b.EarnedEarn}, {"earnedStart", &b.EarnedStart}}
}

func gateFields(g *policy.GateConfig) []field {
	return []field{
		{"hints", &g.Hints},
		{"probes", &g.Probes},
		{"maxWait", &g.MaxWait},
		{"spread", &g.Spread},
		{"minSpread", &g.MinSpread},
		{"again", &g.Again},
		{"probeBase", &g.ProbeBase},
		{"probeMultiplier", &g.ProbeMultiplier},
		{"probeMax", &g.ProbeMax},
		{"probeShare", &g.ProbeShare},
		{"headroom", &g.Headroom},
		{"growth", &g.Growth},
		{"margin", &g.Margin},
		{"failures", &g.Failures},
		{"healthy", &g.Healthy},
		{"recovery", &g.Recovery},
		{"regrowth", &g.Regrowth},
		{"slow", &g.Slow},
		{"inFlight", &g.InFlight},
	}
}

func hedgeFields(h *policy.Hedge) []field {
	return []field{{"delay", &h.Delay}, {"attempts", &h.Attempts}}
}

func placeFields(p *policy.Place) []field {
	return []field{{"model", &p.Model}, {"region", &p.Region}}
}

func quotaFields(q *policy.Quota) []field {
	return []field{{"pattern", &q.Pattern}, {"requests", &q.Requests}, {"tokens", &q.Tokens}, {"items", &q.Items}, {"window", &q.Window}}
}

// methodFields are the plain fields of a method section.
func methodFields(m *policy.Method) []field {
	return []field{{"codes", &m.Codes}, {"repeatable", &m.Repeatable}, {"timeout", &m.Timeout}, {"waitForReady", &m.WaitForReady}, {"priority", &m.Priority}}
}
