package codes_test

import (
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// BenchmarkClassify is what a failure costs that most calls in trouble meet: a
// status without details.
func BenchmarkClassify(b *testing.B) {
	for _, bc := range []struct {
		name string
		err  error
		ev   codes.Evidence
	}{
		{"unavailable", status.Error(grpccodes.Unavailable, "The service is down for now."), evidenceOf(codes.Answered)},
		{"lower-case", status.Error(grpccodes.Unavailable, "etcdserver: no leader"), evidenceOf(codes.Answered)},
		{"internal", status.Error(grpccodes.Internal, "internal error"), evidenceOf(codes.Answered)},
		{"exhausted", status.Error(grpccodes.ResourceExhausted, "Resource has been exhausted (e.g. check quota)."), evidenceOf(codes.Answered)},
		{"lost", status.Error(grpccodes.Unavailable, "The service is down for now."), evidenceOf(codes.Lost)},
		{"refused", status.Error(grpccodes.Unavailable, `connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`), evidenceOf(codes.Unsent)},
		{"not found", status.Error(grpccodes.NotFound, "no such model"), evidenceOf(codes.Answered)},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				codes.Classify(bc.err, bc.ev)
			}
		})
	}
}
