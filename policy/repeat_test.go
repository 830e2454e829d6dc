package policy_test

import (
	"testing"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// TestDecide_declaredNotRepeatable: such a method is retried where a method of which
// nothing was said is, and there is proof besides.
func TestDecide_declaredNotRepeatable(t *testing.T) {
	for name, change := range map[string]struct {
		state   func(*policy.State)
		failure func(*codes.Failure)
		proof   func(codes.Failure) bool
	}{
		"a failure alone":     {proof: func(codes.Failure) bool { return false }},
		"UNAVAILABLE trusted": {state: func(s *policy.State) { s.TrustUnavailable = true }, proof: isUnavailable},
		"a pushback of zero": {
			failure: func(f *codes.Failure) { f.Pushback = codes.Pushback{Set: true} },
			proof:   func(codes.Failure) bool { return true },
		},
		"a pushback that says stop": {
			failure: func(f *codes.Failure) { f.Pushback = codes.Pushback{Set: true, Stop: true} },
			proof:   func(codes.Failure) bool { return false },
		},
		"a quota of the service's own": {
			state: func(s *policy.State) { s.OwnQuota = true },
			proof: func(f codes.Failure) bool { return f.Class == codes.Quota },
		},
	} {
		t.Run(name, func(t *testing.T) {
			allowed := 0
			eachFailure(func(f codes.Failure) {
				if change.failure != nil {
					change.failure(&f)
				}
				unsaid := policy.State{Table: everyClass(), Attempts: 1, Tokens: 100}
				declared := unsaid
				declared.NotRepeatable = true
				if change.state != nil {
					change.state(&declared)
				}
				want := policy.Decide(unsaid, f, 0)
				if want.Retry && f.Reach != codes.Unsent && !change.proof(f) {
					want = policy.Decision{Why: policy.NotRepeatable, Class: want.Class}
				}
				if got := policy.Decide(declared, f, 0); got.Retry != want.Retry || (want.Why == policy.NotRepeatable && got.Why != want.Why) {
					t.Errorf("%+v: got %+v, want %+v", f, got, want)
				}
				if want.Retry {
					allowed++
				}
			})
			if allowed == 0 && name != "a pushback that says stop" {
				t.Error("nothing was allowed, want the rule to be seen at work")
			}
		})
	}
}

func isUnavailable(f codes.Failure) bool {
	return f.Code == grpccodes.Unavailable && f.Reach == codes.Answered
}

// TestIsCalled: whether a refusal by a quota is one of the service that was
// called.
func TestIsCalled(t *testing.T) {
	for _, tc := range []struct {
		service, method, target string
		want                    bool
	}{
		{"shop.v1.Orders", "/shop.v1.Orders/Place", "", true},
		{"shop.v1.Orders", "/shop.v1.OrdersOf/Place", "", false},
		{"shop.example.com", "/a.B/C", "dns:///shop.example.com:443", true},
		{"shop.example.com", "/a.B/C", "shop.example.com", true},
		{"shop.example.com", "/a.B/C", "dns:///orders.shop.example.com:443", false},
		{"", "/a.B/C", "", false},
		{"x", "", "", false},

		{"pubsub.googleapis.com", "/google.pubsub.v1.Publisher/Publish", "passthrough:///proxy", true},
		{"pubsub.googleapis.com", "/google.pubsublite.v1.Publisher/Publish", "passthrough:///proxy", false},
		{"v1.googleapis.com", "/shop.v1.Orders/Place", "", false},
		{"aiplatform.googleapis.com", "/a.B/C", "dns:///us-central1-aiplatform.googleapis.com:443", true},
		{"aiplatform.googleapis.com", "/a.B/C", "dns:///aiplatform.us-east1.rep.googleapis.com:443", true},
		{"aiplatform.googleapis.com", "/a.B/C", "dns:///aiplatform.mtls.googleapis.com:443", true},
		{"aiplatform.googleapis.com", "/a.B/C", "dns:///xaiplatform.googleapis.com:443", false},
		{"aiplatform.googleapis.com", "/a.B/C", "dns:///aiplatform.example.com:443", false},
		{"payments.googleapis.com", "/google.shopping.v1.Orders/Place", "dns:///shopping.googleapis.com:443", false},
	} {
		if got := policy.IsCalled(tc.service, tc.method, tc.target); got != tc.want {
			t.Errorf("%q of %s at %s: %v, want %v", tc.service, tc.method, tc.target, got, tc.want)
		}
	}
}
