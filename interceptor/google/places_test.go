package google_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/google"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// TestPlaces: a policy file names a model and a region, and says what it may not name.
func TestPlaces(t *testing.T) {
	east := grpctest.Serve(t, grpctest.SilentFirst(0))
	for file, want := range map[string]string{
		"targets: [{model: models/lite}, {region: us-east1}]": "",
		"targets: [{model: tunedModels/x}]":                   `interceptor: WithPlaces: model tunedModels/x: "tunedModels/x": want a name such as models/gemini-2.5-flash`,
		"targets: [{region: mars}]":                           "interceptor: WithPlaces: region mars: no connection: want one of us-east1",
	} {
		c, err := policyfile.Load(strings.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		begin := func() {
			interceptor.New(interceptor.WithConfig(c), google.Places(map[string]grpc.ClientConnInterface{"us-east1": east}))
		}
		if want == "" {
			begin()
		} else if got := grpctest.MustPanic(t, begin); got != want {
			t.Errorf("%s: got %s, want %s", file, got, want)
		}
	}
	interceptor.New(interceptor.WithConfig(policy.Config{Targets: []policy.Place{{Region: "mars"}}}), google.Places(nil)) // over REST
}
