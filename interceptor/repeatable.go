package interceptor

import (
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/reinvoke/reinvoke/policy"
)

// KnownRepeatable reports whether a method, "/package.Service/Method", is known to be
// safe to run twice; options are not considered. by is the source: "name" for the list
// of Gemini and Vertex AI methods, "exception" for a Gemini or Vertex AI method that
// must not run twice, "idempotency" for the idempotency level, the HTTP verb such as
// "GET", or "" for none. Level and verb are known only if the protos are linked into
// the program.
func KnownRepeatable(method string) (repeatable bool, by string) {
	return repeatability(protoregistry.GlobalFiles, method)
}

// knownRepeatable reports whether a method is known to be safe to run twice: by its
// name, or by its descriptor if its protos are linked into the program.
func knownRepeatable(method string) bool {
	repeatable, _ := repeatability(protoregistry.GlobalFiles, method)
	return repeatable
}

// repeatability reports whether a method is known to be safe to run twice, and the
// source. The list of names takes precedence, because of its exceptions; the descriptor
// counts for unlisted methods.
func repeatability(files *protoregistry.Files, method string) (repeatable bool, by string) {
	if repeatable, known := policy.RepeatableByName(method); known {
		if repeatable {
			return true, "name"
		}
		return false, "exception"
	}
	by = descriptorSays(files, method)
	return by != "", by
}

// descriptorSays returns what in the descriptor of a method allows running it twice, or
// an empty string: an idempotency_level (descriptor.proto), or an idempotent HTTP verb
// (google.api.http; RFC 9110, 9.2.2; PATCH by AIP-134, which replaces fields by given
// values). Only the verb of the rule itself counts, as the author's first choice.
// Additional bindings are other ways to make the same call.
func descriptorSays(files *protoregistry.Files, method string) string {
	service, name, ok := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	full := protoreflect.FullName(service + "." + name)
	if !ok || !full.IsValid() {
		return ""
	}
	found, err := files.FindDescriptorByName(full)
	if err != nil {
		return ""
	}
	descriptor, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return ""
	}
	options, ok := descriptor.Options().(*descriptorpb.MethodOptions)
	if !ok {
		return ""
	}
	switch options.GetIdempotencyLevel() {
	case descriptorpb.MethodOptions_NO_SIDE_EFFECTS, descriptorpb.MethodOptions_IDEMPOTENT:
		return "idempotency"
	case descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN:
	}
	if !proto.HasExtension(options, annotations.E_Http) {
		return ""
	}
	rule, ok := proto.GetExtension(options, annotations.E_Http).(*annotations.HttpRule)
	if !ok {
		return ""
	}
	return idempotentVerb(rule)
}

// idempotentVerb returns the verb of the rule if idempotent, else an empty string.
func idempotentVerb(rule *annotations.HttpRule) string {
	switch pattern := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "GET"
	case *annotations.HttpRule_Put:
		return "PUT"
	case *annotations.HttpRule_Patch:
		return "PATCH"
	case *annotations.HttpRule_Delete:
		return "DELETE"
	case *annotations.HttpRule_Custom:
		if kind := pattern.Custom.GetKind(); kind == "HEAD" || kind == "OPTIONS" {
			return kind
		}
	}
	return ""
}
