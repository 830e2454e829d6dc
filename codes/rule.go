package codes

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
)

// Rule is one row of the classification: every condition that it sets must
// hold for it to decide. A rule that sets no condition holds for every
// failure. Rules given to [Classify] come before the package's own.
type Rule struct {
	// Name identifies the rule in logs and metrics: lower case words joined
	// by hyphens.
	Name string
	// Class is the verdict.
	Class Class
	// Source says where the fact comes from. It is documentation.
	Source string

	// Codes, if not empty, are the status codes that it applies to.
	Codes []grpccodes.Code
	// Reasons, if not empty, are reasons of ErrorInfo, one of which must be
	// there.
	Reasons []string
	// Domains, if not empty, are the domains in which Reasons mean what they
	// mean, the domains below each included. An ErrorInfo counts for its
	// reason only if it is of one of them; "" stands for one without domain.
	Domains []string
	// Prefixes, if not empty, are beginnings, one of which the status message
	// must have.
	Prefixes []string
	// Reaches, if not empty, are the reaches that it applies to.
	Reaches []Reach
	// Details restricts the rule to statuses that carry details.
	Details bool
	// Match, if not nil, must return true; it is asked last. It must not keep
	// or change the report.
	Match func(*Report) bool
	// Local restricts the rule to failures that the peer did not send: a text
	// that grpc-go writes means something else when a server relays it.
	Local bool

	// Unsent says that the server did not process the request, whatever the
	// evidence. A rule that is Local besides proves it only where there is evidence
	// that the text is not a relayed one: not once the peer has sent headers, where
	// the rule does not hold, and not where the attempt was not watched.
	Unsent bool
	// MayHaveRun is copied to [Failure].
	MayHaveRun bool
	// Infer is the delay to assume where the server named none.
	Infer time.Duration
	// MinHint is the least delay of the server that is believed; a shorter
	// one is dropped. Zero believes them all.
	MinHint time.Duration

	early    bool              // grpc-go says it before there is a stream
	suffixes []string          // as Prefixes, of the end
	text     func(string) bool // as Match, of the message alone, which costs no allocation
	bare     bool              // no quota, no ErrorInfo and no delay was named
	hinted   bool              // a delay was named
}

// Report is a failed attempt, parsed once, as the rules see it.
type Report struct {
	// Err is the error as it was returned.
	Err error
	// Code and Message are those of its status; an error that is no status
	// has the code UNKNOWN. Where grpc-go's own retries wrapped the message,
	// it is the one inside.
	Code    grpccodes.Code
	Message string
	// Reach is how far the attempt got by the evidence.
	Reach Reach
	// Infos and Violations are the details of those types, in order.
	Infos      []*errdetails.ErrorInfo
	Violations []*errdetails.QuotaFailure_Violation
	// Hint is the largest delay that the server asked for in details or text, or zero;
	// RetryAfter the one of the keys retry-after and retry-after-ms beside the status.
	Hint, RetryAfter time.Duration
	// Evidence is what the attempt left behind.
	Evidence Evidence

	details bool    // the status carried some
	copied  *Report // see onHeap
}

// matches reports whether every condition of the rule holds.
func (r *Rule) matches(rep *Report) bool {
	return (len(r.Codes) == 0 || slices.Contains(r.Codes, rep.Code)) && r.holds(rep)
}

// holds is matches for a report whose code is one of the rule's.
func (r *Rule) holds(rep *Report) bool {
	if r.Local && (rep.Reach == Answered || ((r.Unsent || r.early) && rep.Evidence.headed())) {
		return false
	}
	if r.Details && !rep.details {
		return false
	}
	if len(r.Reaches) > 0 && !slices.Contains(r.Reaches, rep.Reach) {
		return false
	}
	if len(r.Reasons) > 0 && rep.info(r) == nil {
		return false
	}
	if len(r.Prefixes) > 0 && !hasPrefix(rep.Message, r.Prefixes) {
		return false
	}
	if len(r.suffixes) > 0 && !hasSuffix(rep.Message, r.suffixes) {
		return false
	}
	if (r.hinted && !rep.hinted()) || (r.bare && (rep.hinted() || len(rep.Infos) > 0 || len(rep.Violations) > 0)) {
		return false
	}
	if r.text != nil && !r.text(rep.Message) {
		return false
	}
	if r.Match == nil {
		return true
	}
	return r.Match(rep.onHeap())
}

// hinted reports whether the server named a delay.
func (r *Report) hinted() bool { return r.Hint > 0 || r.RetryAfter > 0 }

// onHeap returns the one copy of the report that functions are shown. The
// report itself stays on the stack, so that a failure which is decided without
// asking a function allocates nothing.
func (r *Report) onHeap() *Report {
	if r.copied == nil {
		c := *r
		r.copied = &c
	}
	return r.copied
}

// info returns the first ErrorInfo with a reason of the rule in one of its
// domains, or nil.
func (r *Report) info(rule *Rule) *errdetails.ErrorInfo {
	for _, info := range r.Infos {
		if slices.Contains(rule.Reasons, info.GetReason()) && inDomain(info.GetDomain(), rule.Domains) {
			return info
		}
	}
	return nil
}

// inDomain reports whether the domain is one of those, or below one; where
// there are none, every domain is.
func inDomain(domain string, domains []string) bool {
	for _, d := range domains {
		if domain == d || (d != "" && strings.HasSuffix(domain, "."+d)) {
			return true
		}
	}
	return len(domains) == 0
}
