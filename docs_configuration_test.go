package reinvoke_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/gate"
)

// TestDocs_budgetIsReadOnce: a new configuration leaves the budget of a connection as
// set up.
func TestDocs_budgetIsReadOnce(t *testing.T) {
	cfg := policy.DefaultConfig()
	live, err := policy.NewLive(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := interceptor.New(interceptor.WithLive(live))
	cfg.Budget = policy.BudgetConfig{Max: 7, Start: 7}
	if err := live.Store(cfg); err != nil {
		t.Fatal(err)
	}
	if tokens, _ := r.Budget().Held(); tokens != 100 {
		t.Errorf("the budget holds %v tokens after the change, want the 100 of the set-up", tokens)
	}
}

// TestDocs_middlewareOptions: call options of go-grpc-middleware that stay in the code do
// nothing.
func TestDocs_middlewareOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := failing(9, status.Error(grpccodes.Unavailable, "busy"))
		_ = check(t.Context(), dialClaimed(t, server, ours()...), retry.WithMax(9), retry.Disable())
		if got := len(server.gaps()); got != 3 {
			t.Errorf("%d retries, want the 3 of the table", got)
		}
	})
}

// TestDocs_gateKeyOfAnEndpoint: calls to another endpoint of Vertex AI have another key.
func TestDocs_gateKeyOfAnEndpoint(t *testing.T) {
	key := func(endpoint string) string {
		ctx := metadata.AppendToOutgoingContext(context.Background(), "x-goog-request-params", "endpoint="+endpoint)
		return interceptor.GateKey(ctx, "/google.cloud.aiplatform.v1.PredictionService/Predict")
	}
	if key("a") == key("b") {
		t.Errorf("the keys are %q and %q, want one for each endpoint", key("a"), key("b"))
	}
}

// TestDocs_logLimit: the page names the default.
func TestDocs_logLimit(t *testing.T) {
	const page = "docs/telemetry.md"
	if want := fmt.Sprintf("Of each level %d lines a second are logged", interceptor.DefaultLogLimit); !strings.Contains(string(read(t, page)), want) {
		t.Errorf("%s does not say %q", page, want)
	}
}

// TestDocs_fleetGate: the gate for fleets closes after refusals without a time, the
// default gate does not.
func TestDocs_fleetGate(t *testing.T) {
	for name, tt := range map[string]struct {
		gate policy.GateConfig
		want []gate.State
	}{
		"default": {policy.DefaultGate(), nil},
		"fleet":   {policy.FleetGate(), []gate.State{gate.Probing}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var states []gate.State
				server := failing(9, status.Error(grpccodes.ResourceExhausted, "quota exceeded"))
				conn := dialClaimed(t, server, ours(interceptor.WithGate(tt.gate), interceptor.WithGateObserver(func(e interceptor.GateEvent) {
					states = append(states, e.State)
				}))...)
				for range 3 {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					_ = check(ctx, conn, interceptor.MaxRetries(0))
					cancel()
				}
				if !slices.Equal(states, tt.want) {
					t.Errorf("told of %v, want %v", states, tt.want)
				}
			})
		})
	}
}
