package codes_test

import (
	"context"
	"fmt"
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

func TestClassify_allocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates on its own")
	}
	answered, lost, unsent := evidenceOf(codes.Answered), evidenceOf(codes.Lost), evidenceOf(codes.Unsent)
	done := answered
	done.Caller = context.Canceled
	plain := status.Error(grpccodes.Unavailable, "x")
	for _, tc := range []struct {
		name string
		err  error
		ev   codes.Evidence
		most float64
	}{
		{"a plain status", plain, answered, 0},
		{"a plain status that is lost", plain, lost, 0},
		{"a plain status without evidence", plain, codes.Evidence{}, 0},
		{"a plain status of a caller that is gone", plain, done, 0},
		{"a wrapped status", fmt.Errorf("generate: %w", plain), answered, 0},
		{"a plain quota status", status.Error(grpccodes.ResourceExhausted, "x"), answered, 1},
		{"a connection refused", status.Error(grpccodes.Unavailable, `connection error: desc = "transport: Error while dialing: refused"`), unsent, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var f codes.Failure
			got := testing.AllocsPerRun(100, func() { f = codes.Classify(tc.err, tc.ev) })
			if got > tc.most {
				t.Errorf("%v allocations by rule %s, want at most %v", got, f.Rule, tc.most)
			}
			t.Logf("%v allocations by rule %s", got, f.Rule)
		})
	}
}
