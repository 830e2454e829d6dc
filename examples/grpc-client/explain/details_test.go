package explain

import (
	"testing"
	"time"

	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
)

// TestExplain_apierror: errors of Google's Go clients, as package apierror of gax-go
// v2.27.0 prints them, details and all.
func TestExplain_apierror(t *testing.T) {
	err, ok := apierror.FromError(statusWith(
		t, grpccodes.ResourceExhausted, "Quota exceeded.",
		&errdetails.ErrorInfo{Reason: "RATE_LIMIT_EXCEEDED", Domain: "googleapis.com", Metadata: map[string]string{"quota_limit": "WritesPerDay", "service": "x.googleapis.com"}},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: "projects/1", Description: "Writes"}}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(38 * time.Second)},
	).Err())
	if !ok {
		t.Fatal(err)
	}
	explainSamples(t, map[string]sample{
		"a spent daily quota": {
			text: "generate: " + err.Error(), code: grpccodes.ResourceExhausted, message: "Quota exceeded.",
			details: "RetryInfo ErrorInfo QuotaFailure", class: codes.Spent, reach: codes.Answered,
		},
	})
}
