package google

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// rewrite returns a copy of a message with other values of these string fields, at the top
// and in the nested requests. It reports false if nothing is rewritten, or if the message
// names cached content, which belongs to a model in a region. The parts of the message that
// stay are shared with the copy.
func rewrite(m proto.Message, replace func(string) (string, bool), fields ...protoreflect.Name) (proto.Message, bool) {
	from := m.ProtoReflect()
	if !from.IsValid() || text(from, "cached_content") != "" {
		return m, false
	}
	other := from.New()
	from.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		other.Set(f, v)
		return true
	})
	other.SetUnknown(from.GetUnknown())
	rewritten := false
	for _, name := range fields {
		if value, ok := replace(text(from, name)); ok {
			other.Set(from.Descriptor().Fields().ByName(name), protoreflect.ValueOfString(value))
			rewritten = true
		}
	}
	for _, name := range []protoreflect.Name{"setup", "generate_content_request"} { // of a live session, and to count the tokens of
		f := from.Descriptor().Fields().ByName(name)
		if f == nil || f.Message() == nil || f.IsList() || f.IsMap() || !from.Has(f) {
			continue
		}
		if inner, ok := rewrite(from.Get(f).Message().Interface(), replace, fields...); ok {
			other.Set(f, protoreflect.ValueOfMessage(inner.ProtoReflect()))
			rewritten = true
		}
	}
	return other.Interface(), rewritten
}

// text returns the value of a string field, or an empty string if there is none.
func text(m protoreflect.Message, name protoreflect.Name) string {
	f := m.Descriptor().Fields().ByName(name)
	if f == nil || f.Kind() != protoreflect.StringKind || f.IsList() || f.IsMap() {
		return ""
	}
	return m.Get(f).String()
}
