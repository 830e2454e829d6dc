package codes_test

import (
	"errors"
	"fmt"
	"log"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
)

// A quota per minute of the Gemini API: the server names the quota and when
// to come back. The text is more exact than the RetryInfo, which holds whole
// seconds.
func ExampleClassify() {
	st, err := status.New(grpccodes.ResourceExhausted, "You exceeded your current quota. Please retry in 38.92s.").WithDetails(
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{
			QuotaMetric:     "generativelanguage.googleapis.com/generate_content_free_tier_requests",
			QuotaId:         "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
			QuotaDimensions: map[string]string{"model": "gemini-2.5-flash"},
		}}},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(38 * time.Second)},
	)
	if err != nil {
		log.Fatal(err)
	}

	f := codes.Classify(st.Err(), codes.Evidence{})
	fmt.Println(f.Class, f.Reach, "by rule", f.Rule)
	fmt.Println("after", f.Delay, "as the server asked:", f.Asked)
	fmt.Println(f.QuotaID, f.Dimensions["model"])
	// Output:
	// Quota Answered by rule quota-per-minute
	// after 38.92s as the server asked: true
	// GenerateRequestsPerMinutePerProjectPerModel-FreeTier gemini-2.5-flash
}

// The same status is the network's failure if no stream was ever created, and
// the server's if the server sent it.
func ExampleClassify_evidence() {
	err := status.Error(grpccodes.Unavailable, "no backend")
	for _, ev := range []codes.Evidence{
		{Watched: true},
		{Watched: true, Stream: true, Trailer: metadata.Pairs("content-type", "application/grpc")},
	} {
		f := codes.Classify(err, ev)
		fmt.Println(f.Class, f.Reach)
	}
	fmt.Println(codes.Classify(errors.New("no status"), codes.Evidence{}).Class)
	// Output:
	// Network Unsent
	// Server Answered
	// Other
}

// A database that moves its shards answers FAILED_PRECONDITION, which is
// never retried, with a reason that says better.
func ExampleRule() {
	moving := codes.Rule{
		Name: "shard-moving", Class: codes.Server,
		Source:  "the database's manual",
		Codes:   []grpccodes.Code{grpccodes.FailedPrecondition},
		Reasons: []string{"SHARD_MOVING"},
		Domains: []string{"db.example.com"},
		Infer:   2 * time.Second,
	}
	st, err := status.New(grpccodes.FailedPrecondition, "shard 7 is moving").WithDetails(
		&errdetails.ErrorInfo{Reason: "SHARD_MOVING", Domain: "db.example.com"})
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(codes.Classify(st.Err(), codes.Evidence{}).Class)
	f := codes.Classify(st.Err(), codes.Evidence{}, moving)
	fmt.Println(f.Class, "by rule", f.Rule, "after", f.Delay)
	// Output:
	// Request
	// Server by rule shard-moving after 2s
}

func ExampleParseClass() {
	fmt.Println(codes.ParseClass("Network"))
	fmt.Println(codes.ParseClass("network"))
	// Output:
	// Network <nil>
	// None codes: class "network": want one of [None Quota Spent Server Network Timeout Auth Expired Request Conflict Other Ended]
}

// The text around a status is not a part of it.
func ExampleStatusOf() {
	err := fmt.Errorf("fetching the catalog: %w", status.Error(grpccodes.NotFound, "no such shelf"))
	st, ok := codes.StatusOf(err)
	fmt.Println(st.Code(), st.Message(), ok)
	// Output: NotFound no such shelf true
}

// A service config whose retries were not switched off has tried already.
func ExampleRetriedByGRPC() {
	fmt.Println(codes.RetriedByGRPC(status.Error(grpccodes.Unavailable, "connection refused")))
	// Output: false
}

func ExampleSourceOf() {
	f := codes.Classify(status.Error(grpccodes.Internal, "oops"), codes.Evidence{})
	fmt.Println(f.Rule + ": " + codes.SourceOf(f.Rule))
	fmt.Printf("%q\n", codes.SourceOf("no-rule-of-ours"))
	// Output:
	// internal: Gemini API: An internal error has occurred; a few retries help
	// ""
}
