package server

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The failures below have the codes, details and texts of the real service, as
// observed.

const (
	quotaMetric = "generativelanguage.googleapis.com/generate_content_free_tier_requests"
	tokenMetric = "generativelanguage.googleapis.com/generate_content_free_tier_input_token_count"
	quotaText   = "You exceeded your current quota, please check your plan and billing details."
)

// failure returns a status with details as an error.
func failure(code grpccodes.Code, message string, details ...protoadapt.MessageV1) error {
	st, err := status.New(code, message).WithDetails(details...)
	if err != nil { // only OK takes no details
		return status.Error(code, message)
	}
	return st.Err()
}

// kind is a quota in the names of the service.
type kind struct{ metric, id string }

var (
	requestsPerMinute = kind{quotaMetric, "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}
	tokensPerMinute   = kind{tokenMetric, "GenerateContentInputTokensPerModelPerMinute-FreeTier"}
)

// PerMinute is a quota of the minute, which refills soon.
func PerMinute(delay time.Duration) error { return outOf(requestsPerMinute, 15, delay) }

// outOf is a quota by the minute with nothing left for so long. RetryInfo has the whole
// seconds of the delay, as in the real service; only the text has the fraction.
func outOf(k kind, limit int, delay time.Duration) error {
	v := violation(k.id)
	v.Violations[0].QuotaMetric, v.Violations[0].QuotaValue = k.metric, int64(limit)
	return failure(
		grpccodes.ResourceExhausted,
		fmt.Sprintf("%s\n* Quota exceeded for metric: %s, limit: %d\nPlease retry in %gs.", quotaText, k.metric, limit, delay.Seconds()),
		v,
		&errdetails.RetryInfo{RetryDelay: durationpb.New(delay.Truncate(time.Second))},
	)
}

// PerDay is a quota spent until midnight. The service attaches a RetryInfo of some
// seconds all the same: waiting for so long is in vain.
func PerDay() error {
	return failure(
		grpccodes.ResourceExhausted,
		fmt.Sprintf("%s\n* Quota exceeded for metric: %s, limit: 250\nPlease retry in 2.4s.", quotaText, quotaMetric),
		violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
		&errdetails.RetryInfo{RetryDelay: durationpb.New(2 * time.Second)},
	)
}

// LimitZero is a model outside the tier, with a misleading hint
// too.
func LimitZero() error {
	return failure(
		grpccodes.ResourceExhausted,
		fmt.Sprintf("%s\n* Quota exceeded for metric: %s, limit: 0, model: gemini-2.5-pro\nPlease retry in 1.5s.", quotaText, quotaMetric),
		violation("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
		&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)},
	)
}

// violation is the detail with the name of the quota.
func violation(id string) *errdetails.QuotaFailure {
	return &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
		QuotaMetric: quotaMetric, QuotaId: id,
		QuotaDimensions: map[string]string{"location": "global", "model": "gemini-2.5-flash"},
	}}}
}

// Overloaded is a model with too many requests.
func Overloaded() error {
	return failure(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
}

// InternalError is a failure of the server.
func InternalError() error {
	return failure(grpccodes.Internal, "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting")
}

// TimedOut is a server out of time.
func TimedOut() error {
	return failure(grpccodes.DeadlineExceeded, "The request timed out on the server. Please try again.")
}

// TokenExpired is a token of the past.
func TokenExpired() error {
	return failure(
		grpccodes.Unauthenticated,
		"Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
		&errdetails.ErrorInfo{Reason: "ACCESS_TOKEN_EXPIRED", Domain: "googleapis.com"},
	)
}

// TokenRevoked has no reason: nothing promises success with another token.
func TokenRevoked() error {
	return failure(grpccodes.Unauthenticated, "Request had invalid authentication credentials. The token was revoked.")
}

// WrongKey is a key unknown to the service.
func WrongKey() error {
	return failure(
		grpccodes.InvalidArgument, "API key not valid. Please pass a valid API key.",
		&errdetails.ErrorInfo{Reason: "API_KEY_INVALID", Domain: "googleapis.com"},
	)
}

// BadRequest is a prompt over the limit.
func BadRequest() error {
	return failure(grpccodes.InvalidArgument, "The input token count (3475108) exceeds the maximum number of tokens allowed (1048576).")
}

// UnknownError is an error without a cause.
func UnknownError() error { return failure(grpccodes.Unknown, "Something went wrong.") }

// Aborted is a conflict with another transaction.
func Aborted() error {
	return failure(grpccodes.Aborted, "The transaction was aborted by a concurrent one.")
}
