package codes

import (
	"time"

	grpccodes "google.golang.org/grpc/codes"
)

// Failure is the result of [Classify] for a failed attempt: a plain value. The zero
// value means no failure. All strings except Rule come from the server. None of the
// strings is the status message, because status messages may carry secrets.
type Failure struct {
	// Class is the kind of failure; Code is the status code.
	Class Class
	Code  grpccodes.Code
	// Reach is how far the attempt got.
	Reach Reach
	// MayHaveRun says that the server itself answered, but that the request may have
	// run all the same: Google's "Deadline expired before operation could complete",
	// or a gateway's report about its own connection to a backend.
	MayHaveRun bool

	// Delay is the least wait before the next attempt; zero means unknown. Delay is
	// never negative.
	Delay time.Duration
	// Asked says that the server named Delay. Otherwise a positive Delay was
	// inferred, such as 60 s for a quota that refills every minute.
	Asked bool
	// RetryAfter is the delay in the keys retry-after or retry-after-ms from a server
	// of another class than Quota or Spent. Proxies send those keys without knowing
	// of any quota, so that RetryAfter is a wish and no reason to end a call. For the
	// classes Quota and Spent this delay is part of Delay. RetryAfter is never
	// negative.
	RetryAfter time.Duration
	// Pushback is the server's grpc-retry-pushback-ms, if any.
	Pushback Pushback

	// Reason and Domain come from the ErrorInfo behind the rule's verdict, or else
	// from the first ErrorInfo.
	Reason, Domain string
	// QuotaID, Metric and Dimensions name the refusing quota, if the server named
	// one. Do not change Dimensions.
	QuotaID, Metric string
	Dimensions      map[string]string
	// QuotaValue is the limit of that quota in the quota's own unit (requests,
	// tokens, dollars), or zero if the server did not name the limit.
	QuotaValue int64
	// Service is the service of the refusing quota, taken from the ErrorInfo beside a
	// QuotaFailure: the value of "service", or else the domain. Service is empty if
	// either detail is missing.
	Service string

	// Rule is the name of the deciding rule: lower case words joined by hyphens, fit
	// for a metric label.
	Rule string
}

// Pushback is the server's grpc-retry-pushback-ms (gRFC A6). The zero value means
// that the server sent none.
type Pushback struct {
	// Set says that the server sent the key.
	Set bool
	// Stop says that the server asked for no further attempt: the value was negative,
	// not a number, too large for a duration, or sent more than once.
	Stop bool
	// Delay is the time until the next attempt; zero means at once.
	Delay time.Duration
}
