package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	_ "cloud.google.com/go/aiplatform/apiv1/aiplatformpb"
	_ "cloud.google.com/go/aiplatform/apiv1beta1/aiplatformpb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

var update = flag.Bool("update", false, "write the golden files anew")

// repeatable reports whether the interceptor takes a method for repeatable: it
// then retries a failure that leaves open whether the method ran.
func repeatable(t *testing.T, intercept grpc.UnaryClientInterceptor, method string) bool {
	t.Helper()
	err := intercept(t.Context(), method, nil, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
		return status.Error(grpccodes.Internal, "An internal error has occurred.")
	})
	e, ok := errors.AsType[*interceptor.Error](err)
	if !ok {
		t.Fatalf("%s: got %v, want an error with a history", method, err)
	}
	return e.Why != policy.NotRepeatable
}

// TestVertex_methods compares what is known of every method of Vertex AI with
// the golden file: a new method, or one that has changed, is looked at by someone.
func TestVertex_methods(t *testing.T) {
	const golden = "testdata/vertex_methods.golden"
	table := policy.Default()
	for class := range table {
		table[class].Base, table[class].Max = 0, 0
	}
	intercept := interceptor.UnaryClientInterceptor(interceptor.WithTable(table), interceptor.WithoutEvidence(), interceptor.WithoutBudget())
	lines := map[string]string{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "google.cloud.aiplatform.") {
			return true
		}
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := fmt.Sprintf("/%s/%s", service.FullName(), service.Methods().Get(j).Name())
				answer := "no "
				if repeatable(t, intercept, method) {
					answer = "yes"
				}
				lines[method] = answer + " " + method + "\n"
			}
		}
		return true
	})
	var all strings.Builder
	for _, method := range slices.Sorted(maps.Keys(lines)) {
		all.WriteString(lines[method])
	}
	got := all.String()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("the methods of Vertex AI (-golden +got); if they are right, run go test . -run Vertex -update:\n%s", diff)
	}
}
