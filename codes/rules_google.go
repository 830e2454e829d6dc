package codes

import (
	"time"

	grpccodes "google.golang.org/grpc/codes"
)

// Only the files rules_google*.go match the texts, quota names and reasons of
// Google's services, Gemini and Vertex AI first. docs/classification.md sums up the
// facts behind the rules.

// retryText begins the sentence with the retry delay in the Gemini API's texts:
// "Please retry in 38.92s." RetryInfo holds only the whole seconds of this delay.
const retryText = "Please retry in "

// minute is the assumed delay for a per-minute quota if the server names none: the
// window refills within a minute.
const minute = 60 * time.Second

// exhausted is the code of most rules in this file.
var exhausted = []grpccodes.Code{grpccodes.ResourceExhausted}

// zeroSource names the reports of limits of zero.
const zeroSource = "gemini-cli#27698, continue#10062: a limit of zero means that the model is not in this tier or region; RA.Aid#182: the same in words"

// google are the ErrorInfo domains with the reasons of google/api/error_reason.proto.
// Some services leave the domain out.
var google = []string{"googleapis.com", ""}

// permanentRules are the signs of a failure that waiting does not cure. The services
// attach a RetryInfo of some seconds to several of these failures all the same.
// MinHint drops such hints, so that nobody waits in vain.
var permanentRules = []Rule{
	{
		Name: "quota-zero", Class: Spent, MinHint: never,
		Source:  zeroSource,
		Codes:   exhausted,
		Details: true,
		Match:   func(r *Report) bool { return r.anyMetadata("quota_limit_value", isZero) },
	},
	{
		Name: "quota-zero", Class: Spent, MinHint: never,
		Source: zeroSource,
		Codes:  exhausted,
		text:   func(message string) bool { return limitZero(message) || noFreeTier(message) },
	},
	{
		Name: "billing", Class: Spent,
		Source: "Gemini API: \"Your prepayment credits are depleted.\", \"Your project has exceeded its monthly spending cap.\"; no details",
		Codes:  exhausted,
		bare:   true,
		text:   aboutMoney,
	},
	{ // A hint of an hour or more is credible: days do end.
		Name: "quota-per-day", Class: Spent, MinHint: time.Hour,
		Source:  "gemini-cli#8437, #10925: resets at midnight Pacific time",
		Details: true,
		Match: func(r *Report) bool {
			return r.anyViolation(perDay) || r.anyMetadata("quota_limit", perDay) || r.anyMetadata("quota_metric", perDay)
		},
	},
	{
		Name: "quota-per-day", Class: Spent, MinHint: time.Hour,
		Source: "gemini-cli#10925: the text where the details are missing",
		Codes:  exhausted,
		text:   perDay,
	},
	{
		Name: "quota-exhausted", Class: Spent,
		Source:  "gemini-cli#29425; google/api/error_reason.proto",
		Reasons: []string{"QUOTA_EXHAUSTED", "INSUFFICIENT_G1_CREDITS_BALANCE", "RESOURCE_QUOTA_EXCEEDED", "EMULATOR_QUOTA_EXCEEDED"},
		Domains: google,
	},
	{
		Name: "billing-disabled", Class: Spent,
		Source:  "google/api/error_reason.proto",
		Codes:   exhausted,
		Reasons: []string{"BILLING_DISABLED"},
		Domains: google,
	},
	{
		Name: "wrong-request", Class: Request,
		Source:  "google/api/error_reason.proto",
		Reasons: []string{"RESOURCE_PROJECT_INVALID", "SYSTEM_PARAMETER_UNSUPPORTED", "MISSING_ORIGIN"},
		Domains: google,
	},
	{
		Name: "access-denied", Class: Auth,
		Source: "google/api/error_reason.proto: every other documented reason is permanent",
		Reasons: []string{
			"SERVICE_DISABLED", "BILLING_DISABLED", "API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED",
			"API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED", "API_KEY_ANDROID_APP_BLOCKED", "API_KEY_IOS_APP_BLOCKED",
			"LOCATION_TAX_POLICY_VIOLATED", "USER_PROJECT_DENIED", "CONSUMER_SUSPENDED", "CONSUMER_INVALID",
			"SECURITY_POLICY_VIOLATED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "ACCOUNT_STATE_INVALID", "ACCESS_TOKEN_TYPE_UNSUPPORTED",
			"CREDENTIALS_MISSING", "SESSION_COOKIE_INVALID", "USER_BLOCKED_BY_ADMIN", "RESOURCE_USAGE_RESTRICTION_VIOLATED",
			"ORG_RESTRICTION_VIOLATION", "ORG_RESTRICTION_HEADER_INVALID", "SERVICE_NOT_VISIBLE", "GCP_SUSPENDED",
			"LOCATION_POLICY_VIOLATED", "OVERLOADED_CREDENTIALS", "LOCATION_ORG_POLICY_VIOLATED", "TLS_ORG_POLICY_VIOLATED",
			"CREDENTIAL_ANDROID_APP_INVALID", "IAM_PERMISSION_DENIED", "JWT_TOKEN_INVALID", "CREDENTIAL_TYPE_UNSUPPORTED",
			"ACCOUNT_TYPE_UNSUPPORTED", "ENDPOINT_USAGE_RESTRICTION_VIOLATED", "TLS_CIPHER_RESTRICTION_VIOLATED", "MCP_SERVER_DISABLED",
		},
		Domains: google,
	},
	{
		Name: "api-key", Class: Auth,
		Source:   "continue#8516, #11336: the text where the ErrorInfo is missing",
		Codes:    []grpccodes.Code{grpccodes.InvalidArgument},
		Prefixes: []string{"API key not valid.", "API key expired.", "API Key not found."},
	},
}

// transientRules are the signs of a failure that waiting cures.
var transientRules = []Rule{
	{
		Name: "token-expired", Class: Expired,
		Source:  "google/api/error_reason.proto ACCESS_TOKEN_EXPIRED",
		Reasons: []string{"ACCESS_TOKEN_EXPIRED"},
		Domains: google,
	},
	{
		Name: "quota-per-minute", Class: Quota, Infer: minute,
		Source:  "Gemini API and Service Control quota names: counted by the minute",
		Codes:   exhausted,
		Details: true,
		Match: func(r *Report) bool {
			return r.anyViolation(perMinute) || r.anyMetadata("quota_limit", perMinute) || r.anyMetadata("quota_metric", perMinute)
		},
	},
	{
		Name: "quota-per-minute", Class: Quota, Infer: minute,
		Source: "Service Control: the text where the details are missing",
		Codes:  exhausted,
		text:   perMinute,
	},
	{
		Name: "vertex-quota", Class: Quota, Infer: minute,
		Source:   "Vertex AI quotas by base model are counted by the minute; no details",
		Codes:    exhausted,
		Prefixes: []string{"Quota exceeded for aiplatform.googleapis.com/"},
	},
	{ // Judgement: the oldest spend leaves the window first, so that a fifth of the window is enough.
		Name: "spend-limit", Class: Quota, Infer: 2 * minute,
		Source: "Gemini API, rate limits: spend limits are dollars in any 10 minutes",
		Codes:  exhausted,
		text:   spendLimit,
	},
	{
		Name: "rate-limit", Class: Quota,
		Source:  "google/api/error_reason.proto RATE_LIMIT_EXCEEDED",
		Reasons: []string{"RATE_LIMIT_EXCEEDED"},
		Domains: google,
	},
	{
		Name: "model-capacity-quota", Class: Quota,
		Source:  "gemini-cli#23520",
		Codes:   exhausted,
		Reasons: []string{"MODEL_CAPACITY_EXHAUSTED", "MODEL_CAPACITY_EXCEEDED"},
	},
	{
		Name: "model-capacity", Class: Server,
		Source:  "gemini-cli#23520",
		Codes:   []grpccodes.Code{grpccodes.Unavailable},
		Reasons: []string{"MODEL_CAPACITY_EXHAUSTED", "MODEL_CAPACITY_EXCEEDED"},
	},
	{
		Name: "quota-failure", Class: Quota,
		Source:  "google/rpc/error_details.proto QuotaFailure",
		Codes:   []grpccodes.Code{grpccodes.ResourceExhausted, grpccodes.Unavailable},
		Details: true,
		Match:   func(r *Report) bool { return len(r.Violations) > 0 },
	},
	{
		Name: "quota-hint", Class: Quota,
		Source: "google/rpc/error_details.proto RetryInfo; the Gemini API's text",
		Codes:  exhausted,
		hinted: true,
	},
	{
		Name: "shared-capacity", Class: Quota,
		Source:   "gemini-cli#14831: Vertex AI's dynamic shared quota; not the caller's own",
		Codes:    exhausted,
		Prefixes: []string{"Resource exhausted. Please try again later."},
	},
	{
		Name: "provisioned-throughput", Class: Quota,
		Source: "Vertex AI: error code 429 of provisioned throughput",
		Codes:  exhausted,
		text: func(message string) bool {
			return indexSentence(message, "Exceeded the Provisioned Throughput") >= 0 ||
				indexSentence(message, "Exceeded the provisioned throughput") >= 0
		},
	},
	{
		Name: "deadline-expired", Class: Server, MayHaveRun: true,
		Source:   "python-genai#1808: UNAVAILABLE that is a server-side timeout after minutes",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{"Deadline expired before operation could complete"},
	},
	{
		Name: "proxy-cut", Class: Server, MayHaveRun: true,
		Source:   "Envoy (Cloud Run, Cloud Service Mesh, ESPv2) answers for its upstream: the request was sent to it, and its connection ended",
		Codes:    []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: proxyTexts,
		text:     func(message string) bool { return !proxyNeverSent(message) },
	},
	{
		Name: "overloaded", Class: Server,
		Source: "gemini-cli#5191, #7392",
		Codes:  []grpccodes.Code{grpccodes.Unavailable},
		Prefixes: []string{
			"The model is overloaded", "This model is currently experiencing high demand", "The service is currently unavailable",
		},
	},
	{
		Name: "cancelled-by-server", Class: Server,
		Source:   "gemini-cli#20309: HTTP 499 while the caller is alive",
		Codes:    []grpccodes.Code{grpccodes.Canceled},
		Prefixes: []string{"The operation was cancelled."},
	},
}

// never is longer than any delay: as MinHint it drops every hint.
const never = time.Duration(1<<63 - 1)
