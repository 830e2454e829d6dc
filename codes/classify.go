package codes

import (
	"context"
	"errors"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// endingWindow is the remaining time up to which a DEADLINE_EXCEEDED counts as the
// caller's own deadline: grpc's timer may fire some milliseconds before the
// context's, while the context's Err is still nil.
const endingWindow = 10 * time.Millisecond

// Classify returns the failure of an attempt that returned err and left ev behind.
// The rules in own, if any, are tried before the package's rules.
//
// A nil error gives the zero Failure. An error without evidence (the zero Evidence)
// is classified by its status alone and counts as [Lost]. An error without a status
// is [Ended] if it is an error of package context, else [Other]. Classify ignores
// malformed, unknown and absurd details. Nothing in an error makes Classify panic.
func Classify(err error, ev Evidence, own ...Rule) Failure {
	if err == nil {
		return Failure{}
	}
	st, _ := StatusOf(err)
	rep := Report{Err: err, Code: st.Code(), Message: unwrapRetries(st.Message()), Evidence: ev}
	details := st.Details()
	rep.details = len(details) > 0
	rep.Reach = ev.reach(rep.details)
	f := Failure{Code: rep.Code, Reach: rep.Reach}
	f.Pushback, rep.RetryAfter = ev.asked()
	rep.parse(details)

	rule := decide(&rep, own)
	rule.apply(&f, &rep)
	f.heed(&rep)
	return f
}

// heed sets MayHaveRun and Reach from a transport's text relayed by the peer,
// whichever rule decided the class.
func (f *Failure) heed(rep *Report) {
	if rep.Reach != Answered || f.Class == Request || !relayed(rep.Message) { // a wrong request is never retried
		return
	}
	for i := range relayRules {
		if rule := &relayRules[i]; rule.matches(rep) {
			f.MayHaveRun = f.MayHaveRun || rule.MayHaveRun
			if rule.Unsent && !f.MayHaveRun {
				f.Reach = Unsent
			}
			return
		}
	}
}

// withStatus is an error that carries a gRPC status.
type withStatus interface {
	error
	GRPCStatus() *status.Status
}

// StatusOf returns the status of err with the message and details of that status,
// even if other errors wrap it; status.FromError puts the text of the wrapping errors
// into the message. If err carries no status, ok is false and the status is a
// substitute: CANCELLED or DEADLINE_EXCEEDED for an error of package context, else
// UNKNOWN. A nil error gives OK and true.
func StatusOf(err error) (st *status.Status, ok bool) {
	if err == nil {
		return nil, true
	}
	if err, ok := errors.AsType[withStatus](err); ok {
		if st := err.GRPCStatus(); st != nil {
			return st, true
		}
		return status.New(grpccodes.Unknown, err.Error()), false
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.New(grpccodes.Canceled, err.Error()), false
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(grpccodes.DeadlineExceeded, err.Error()), false
	}
	return status.New(grpccodes.Unknown, err.Error()), false
}

// parse collects the details and the hint for the rules.
func (r *Report) parse(details []any) {
	for _, d := range details {
		switch d := d.(type) {
		case *errdetails.RetryInfo:
			r.Hint = max(r.Hint, retryInfoDelay(d))
		case *errdetails.ErrorInfo:
			r.Infos = append(r.Infos, d)
			r.Hint = max(r.Hint, metadataDelay(d))
		case *errdetails.QuotaFailure:
			r.Violations = append(r.Violations, d.GetViolations()...)
		}
	}
	r.Hint = max(r.Hint, textDelay(r.Message))
}

// decide returns the first matching rule.
func decide(rep *Report, own []Rule) *Rule {
	if rule := endedRule(rep); rule != nil {
		return rule
	}
	for i := range own {
		if own[i].matches(rep) {
			return &own[i]
		}
	}
	if isContextError(rep) {
		return &contextErrorRule
	}
	for _, c := range builtin(rep) {
		if c.first != nil && (rep.Message == "" || !c.first[rep.Message[0]]) {
			continue
		}
		if c.holds(rep) {
			return c.Rule
		}
	}
	return &otherRule
}

// endedRule returns the rule for a failure caused by the caller, or nil.
func endedRule(rep *Report) *Rule {
	ev := &rep.Evidence
	switch {
	case ev.Caller != nil:
		return &callerDoneRule
	case rep.Code == grpccodes.DeadlineExceeded && ev.Deadline && ev.Remaining <= endingWindow:
		return &callerDeadlineRule
	}
	return nil
}

// isContextError reports whether the failure is an error of package context without a
// status.
func isContextError(rep *Report) bool {
	if rep.Code != grpccodes.Canceled && rep.Code != grpccodes.DeadlineExceeded {
		return false
	}
	_, isStatus := StatusOf(rep.Err)
	return !isStatus
}

// apply writes the rule's verdict into f.
func (r *Rule) apply(f *Failure, rep *Report) {
	f.Class, f.Rule, f.MayHaveRun = r.Class, r.Name, r.MayHaveRun
	if r.Unsent && (!r.Local || rep.Evidence.firsthand()) {
		f.Reach = Unsent
	}
	hint := rep.Hint
	if r.Class == Quota || r.Class == Spent {
		hint = max(hint, rep.RetryAfter)
	} else {
		f.RetryAfter = rep.RetryAfter
	}
	switch {
	case hint > 0 && hint >= r.MinHint && r.MinHint < never:
		f.Delay, f.Asked = hint, true
	case r.Infer > 0:
		f.Delay = r.Infer
	}
	if len(rep.Infos) > 0 {
		info := rep.info(r)
		if info == nil {
			info = rep.Infos[0]
		}
		f.Reason, f.Domain = info.GetReason(), info.GetDomain()
		f.Metric, f.QuotaID = info.GetMetadata()["quota_metric"], info.GetMetadata()["quota_limit"]
		f.QuotaValue = limitValue(info)
	}
	if len(rep.Violations) > 0 {
		v := rep.violation()
		f.QuotaID, f.Metric, f.Dimensions = v.GetQuotaId(), v.GetQuotaMetric(), v.GetQuotaDimensions()
		f.QuotaValue = max(v.GetQuotaValue(), 0)
		f.Service = rep.service()
	}
}
