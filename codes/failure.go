package codes

import (
	"time"

	grpccodes "google.golang.org/grpc/codes"
)

// Failure is what [Classify] found out about a failed attempt. It is a plain
// value; the zero value means no failure. The strings come from the server
// except Rule; none of them is the status message, which may carry secrets.
type Failure struct {
	// Class is the kind of trouble; Code the status code it arrived with.
	Class Class
	Code  grpccodes.Code
	// Reach is how far the attempt got.
	Reach Reach
	// MayHaveRun says that the server itself answered, and that its answer
	// leaves open whether the request ran all the same (Google's "Deadline
	// expired before operation could complete"; what a gateway relays of its own
	// connection to a backend).
	MayHaveRun bool

	// Delay is how long to wait at least before the next attempt; zero says
	// that nothing is known. It is never negative.
	Delay time.Duration
	// Asked says that the server named Delay. Otherwise a positive Delay was
	// inferred, as 60 s for a quota that refills every minute.
	Asked bool
	// RetryAfter is what a server of another class than Quota or Spent asked for in
	// the keys retry-after or retry-after-ms, which proxies send without having been
	// told of any quota: a wish, and no reason to end a call. For the classes Quota and
	// Spent it is in Delay. It is never negative.
	RetryAfter time.Duration
	// Pushback is the server's grpc-retry-pushback-ms, if it sent one.
	Pushback Pushback

	// Reason and Domain are those of the ErrorInfo that the rule went by, or
	// else of the first one.
	Reason, Domain string
	// QuotaID, Metric and Dimensions name the quota that refused, if the
	// server named one. Do not change Dimensions.
	QuotaID, Metric string
	Dimensions      map[string]string
	// QuotaValue is the limit of that quota, in its own unit (requests, tokens,
	// dollars), or zero where the server did not name it.
	QuotaValue int64
	// Service is the service whose quota refused, as the ErrorInfo beside a
	// QuotaFailure names it: its "service", or else its domain. It is empty where
	// either detail is missing.
	Service string

	// Rule is the name of the rule that decided: lower case words joined by
	// hyphens, fit for a metric label.
	Rule string
}

// Pushback is what a server said in grpc-retry-pushback-ms (gRFC A6). The
// zero value means that it said nothing.
type Pushback struct {
	// Set says that the server sent the key at all.
	Set bool
	// Stop says that it asked for no further attempt: the value was negative,
	// or no number, or too large to be a duration, or sent more than once.
	Stop bool
	// Delay is when to come back; zero means at once.
	Delay time.Duration
}
