package codes

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
)

// Rule is one row of the classification. A rule decides if all its conditions hold; a
// rule without conditions holds for every failure. Rules given to [Classify] come
// before the package's own.
type Rule struct {
	// Name identifies the rule in logs and metrics: lower case words joined by
	// hyphens.
	Name string
	// Class is the verdict.
	Class Class
	// Source names the origin of the fact, as documentation.
	Source string

	// Codes, if not empty, lists the status codes of the rule.
	Codes []grpccodes.Code
	// Reasons, if not empty, requires an ErrorInfo with a reason in the list.
	Reasons []string
	// Domains, if not empty, restricts Reasons to an ErrorInfo from a domain in the
	// list or from a subdomain. The entry "" stands for an ErrorInfo without a
	// domain.
	Domains []string
	// Prefixes, if not empty, requires a status message with one of these beginnings.
	Prefixes []string
	// Reaches, if not empty, lists the reaches of the rule.
	Reaches []Reach
	// Details restricts the rule to statuses that carry details.
	Details bool
	// Match, if not nil, must return true. Match is asked last and must neither keep
	// nor change the report.
	Match func(*Report) bool
	// Local restricts the rule to failures not sent by the peer: a text written by
	// grpc-go has another meaning when a server relays the text.
	Local bool

	// Unsent says that the server did not process the request, whatever the evidence.
	// A rule with Local and Unsent needs evidence against a relayed text: the rule
	// does not hold once the peer has sent headers, and does not make the attempt
	// [Unsent] unless the attempt was watched.
	Unsent bool
	// MayHaveRun is copied to [Failure].
	MayHaveRun bool
	// Infer is the delay to assume if the server named none.
	Infer time.Duration
	// MinHint is the shortest credible delay from the server. Shorter delays are
	// dropped. Zero believes every delay.
	MinHint time.Duration

	early    bool              // grpc-go reports the failure before a stream exists
	suffixes []string          // as Prefixes, for the end of the message
	text     func(string) bool // as Match, on the message alone: no allocation
	bare     bool              // no quota, no ErrorInfo and no delay in the report
	hinted   bool              // the report has a delay
}

// Report is a failed attempt, parsed once, as rules see the attempt.
type Report struct {
	// Err is the error returned by the attempt.
	Err error
	// Code and Message are those of the status; an error without a status has the
	// code UNKNOWN. If grpc-go's own retries wrapped the message, Message is the
	// inner message.
	Code    grpccodes.Code
	Message string
	// Reach is how far the attempt got, from the evidence.
	Reach Reach
	// Infos and Violations are the details of those types, in order.
	Infos      []*errdetails.ErrorInfo
	Violations []*errdetails.QuotaFailure_Violation
	// Hint is the largest delay asked for by the server in details or text, or zero.
	// RetryAfter is the delay from the keys retry-after and retry-after-ms beside the
	// status.
	Hint, RetryAfter time.Duration
	// Evidence is the evidence given to [Classify].
	Evidence Evidence

	details bool    // the status carried details
	copied  *Report // see onHeap
}

// matches reports whether all conditions of the rule hold.
func (r *Rule) matches(rep *Report) bool {
	return (len(r.Codes) == 0 || slices.Contains(r.Codes, rep.Code)) && r.holds(rep)
}

// holds is matches for a report with a code of the rule.
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

// onHeap returns the single copy of the report for Match functions. The report itself
// stays on the stack, so that a failure decided without such a function allocates
// nothing.
func (r *Report) onHeap() *Report {
	if r.copied == nil {
		c := *r
		r.copied = &c
	}
	return r.copied
}

// info returns the first ErrorInfo with a reason and a domain of the rule, or nil.
func (r *Report) info(rule *Rule) *errdetails.ErrorInfo {
	for _, info := range r.Infos {
		if slices.Contains(rule.Reasons, info.GetReason()) && inDomain(info.GetDomain(), rule.Domains) {
			return info
		}
	}
	return nil
}

// inDomain reports whether the domain is in the list or below a domain in the list.
// An empty list holds every domain.
func inDomain(domain string, domains []string) bool {
	for _, d := range domains {
		if domain == d || (d != "" && strings.HasSuffix(domain, "."+d)) {
			return true
		}
	}
	return len(domains) == 0
}
