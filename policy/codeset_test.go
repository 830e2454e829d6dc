package policy_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/policy"
)

func ExampleCodes() {
	s := policy.Codes(grpccodes.Unavailable, grpccodes.Aborted)
	fmt.Println(s, s.Has(grpccodes.Aborted), s.Has(grpccodes.Internal))
	// Output: Aborted, Unavailable true false
}

// TestCodeSet_ofEachCode: it holds that one alone, and lists it.
func TestCodeSet_ofEachCode(t *testing.T) {
	for code := grpccodes.OK; code <= grpccodes.Unauthenticated; code++ {
		s := policy.Codes(code)
		if got, want := s.List(), []grpccodes.Code{code}; !cmp.Equal(got, want) {
			t.Errorf("it lists %v, want %v", got, want)
		}
		for other := grpccodes.OK; other <= grpccodes.Unauthenticated+1; other++ {
			if got, want := s.Has(other), other == code; got != want {
				t.Errorf("the set of %v has %v: %v", code, other, got)
			}
		}
	}
}

func TestCodeSet_zero(t *testing.T) {
	s := policy.Codes()
	if s.String() != "all" || len(s.List()) != 0 || !s.Has(grpccodes.OK) || !s.Has(math.MaxUint32) {
		t.Errorf("the zero value is %v, %v: want all, codes that no one knows included", s, s.List())
	}
	if s := policy.Codes(grpccodes.Unavailable, 99); s != policy.Codes(grpccodes.Unavailable) {
		t.Errorf("got %v, want no code of a number unknown", s)
	}
}
