package interceptor

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	_ "cloud.google.com/go/ai/generativelanguage/apiv1/generativelanguagepb"
	_ "cloud.google.com/go/ai/generativelanguage/apiv1alpha/generativelanguagepb"
	_ "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	_ "cloud.google.com/go/ai/generativelanguage/apiv1beta2/generativelanguagepb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

var update = flag.Bool("update", false, "write the golden files anew")

// registry returns a registry with a service whose methods have these options.
func registry(t *testing.T, methods map[string]*descriptorpb.MethodOptions) *protoregistry.Files {
	t.Helper()
	service := &descriptorpb.ServiceDescriptorProto{Name: proto.String("Shop")}
	for name, options := range methods {
		service.Method = append(service.Method, &descriptorpb.MethodDescriptorProto{
			Name: proto.String(name), InputType: proto.String(".shop.v1.M"), OutputType: proto.String(".shop.v1.M"), Options: options,
		})
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("shop.proto"), Package: proto.String("shop.v1"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}},
		Service:     []*descriptorpb.ServiceDescriptorProto{service},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	files := new(protoregistry.Files)
	if err := files.RegisterFile(file); err != nil {
		t.Fatal(err)
	}
	return files
}

func level(l descriptorpb.MethodOptions_IdempotencyLevel) *descriptorpb.MethodOptions {
	return &descriptorpb.MethodOptions{IdempotencyLevel: l.Enum()}
}

func http(rule *annotations.HttpRule) *descriptorpb.MethodOptions {
	o := &descriptorpb.MethodOptions{}
	proto.SetExtension(o, annotations.E_Http, rule)
	return o
}

func TestRepeatability_ofADescriptor(t *testing.T) {
	get := &annotations.HttpRule{Pattern: &annotations.HttpRule_Get{Get: "/v1/things"}}
	custom := func(kind string) *descriptorpb.MethodOptions {
		return http(&annotations.HttpRule{Pattern: &annotations.HttpRule_Custom{Custom: &annotations.CustomHttpPattern{Kind: kind, Path: "/v1"}}})
	}
	want := map[string]string{
		"Safe": "idempotency", "Idempotent": "idempotency", "Get": "GET", "Put": "PUT", "Patch": "PATCH", "Delete": "DELETE", "Head": "HEAD",
		"Post": "", "PostToo": "", "Plain": "", "Unknown": "", "Purge": "", "Empty": "",
	}
	files := registry(t, map[string]*descriptorpb.MethodOptions{
		"Safe":       level(descriptorpb.MethodOptions_NO_SIDE_EFFECTS),
		"Idempotent": level(descriptorpb.MethodOptions_IDEMPOTENT),
		"Unknown":    level(descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN),
		"Get":        http(get),
		"Put":        http(&annotations.HttpRule{Pattern: &annotations.HttpRule_Put{Put: "/v1"}}),
		"Patch":      http(&annotations.HttpRule{Pattern: &annotations.HttpRule_Patch{Patch: "/v1"}}),
		"Delete":     http(&annotations.HttpRule{Pattern: &annotations.HttpRule_Delete{Delete: "/v1"}}),
		"Post":       http(&annotations.HttpRule{Pattern: &annotations.HttpRule_Post{Post: "/v1"}}),
		"PostToo": http(&annotations.HttpRule{
			Pattern: &annotations.HttpRule_Post{Post: "/v1"}, AdditionalBindings: []*annotations.HttpRule{get},
		}),
		"Head": custom("HEAD"), "Purge": custom("PURGE"), "Empty": http(&annotations.HttpRule{}), "Plain": nil,
	})
	for name, want := range want {
		if repeatable, by := repeatability(files, "/shop.v1.Shop/"+name); by != want || repeatable != (want != "") {
			t.Errorf("%s: got %v by %q, want %q", name, repeatable, by, want)
		}
	}
	for _, method := range []string{"", "/", "//", "no-slash", "/shop.v1.Shop", "/shop.v1.Shop/", "/shop.v1.Shop/Get/x", "/shop.v1/M", "/shop.v1.Shop/Missing", "/a b/c"} {
		if repeatable, by := repeatability(files, method); repeatable || by != "" {
			t.Errorf("%q: got %v by %q, want nothing known", method, repeatable, by)
		}
	}
}

// TestRepeatability_ofGemini compares every method of the Gemini protos with the
// golden file: a new method, or one that has changed, is looked at by someone.
func TestRepeatability_ofGemini(t *testing.T) {
	const golden = "testdata/gemini_methods.golden"
	lines := map[string]string{}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "google.ai.generativelanguage.") {
			return true
		}
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := fmt.Sprintf("/%s/%s", service.FullName(), service.Methods().Get(j).Name())
				answer := "no "
				repeatable, by := repeatability(protoregistry.GlobalFiles, method)
				if repeatable {
					answer = "yes"
				}
				lines[method] = fmt.Sprintf("%s %-9s %s\n", answer, by, method)
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
		t.Errorf("the methods of Gemini (-golden +got); if they are right, run go test ./interceptor -run Gemini -update:\n%s", diff)
	}
}

func BenchmarkKnownRepeatable(b *testing.B) {
	for _, method := range []string{
		"/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent", "/google.ai.generativelanguage.v1beta.FileService/DeleteFile", "/shop.v1.Shop/Buy",
	} {
		b.Run(method, func(b *testing.B) {
			for b.Loop() {
				knownRepeatable(method)
			}
		})
	}
}
