package google

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/reinvoke/reinvoke/policy"
)

const (
	// perToken is the number of characters for a token. Source:
	// ai.google.dev/gemini-api/docs/tokens, "a token is equivalent to about 4 characters".
	perToken = 4
	// perImage is the number of tokens of a small image. Source: likewise.
	perImage = 258
	// perTokenOfMedia is the number of bytes for a token of sound, film or a document.
	// Judgement: a second of sound takes 32 tokens and some 16 kB, a second of film 263 and
	// some 125 kB.
	perTokenOfMedia = 500
	// deepest is how deep a message is looked into. Judgement: prompts are less deep.
	deepest = 64
)

// Cost says what a call of Gemini or Vertex AI will take of the limits in
// interceptor.WithQuotas. It is an estimate for interceptor.WithCost, and [Usage] corrects it:
//
//	interceptor.DialOptions(interceptor.WithQuotas(limits...), interceptor.WithCost(google.Cost), interceptor.WithUsage(google.Usage))
//
// The tokens are those of the input, because the quotas of the Gemini API are for the input: one
// for every 4 characters of text, with instructions, tools and schemas; 258 for an image; one for
// every 500 bytes of other media. A file or a cache that is only named takes none until its
// usage is known. The items are the texts to be embedded and the instances of a prediction.
// Counting tokens takes no tokens.
//
// Any other protobuf message, and a call over REST, takes a token for every 4 bytes, and any
// other value nothing. Cost reads the fields by name, and is safe for concurrent use.
func Cost(_ string, req any) policy.Cost {
	switch req := req.(type) {
	case *http.Request:
		if req == nil {
			return policy.Cost{}
		}
		return policy.Cost{Tokens: tokens(req.ContentLength, perToken)}
	case proto.Message:
		return costOf(req.ProtoReflect())
	}
	return policy.Cost{}
}

// costOf returns what a message takes.
func costOf(m protoreflect.Message) policy.Cost {
	full := string(m.Descriptor().FullName())
	name := string(m.Descriptor().Name())
	switch {
	case !strings.HasPrefix(full, "google.ai.generativelanguage.") && !strings.HasPrefix(full, "google.cloud.aiplatform."):
		return policy.Cost{Tokens: tokens(int64(proto.Size(m.Interface())), perToken)}
	case strings.HasPrefix(name, "CountTokens"):
		return policy.Cost{}
	}
	var s sum
	s.message(m, 0)
	return policy.Cost{Tokens: tokens(s.characters, perToken) + tokens(s.media, perTokenOfMedia) + s.images*perImage, Items: items(m, name)}
}

// tokens returns the tokens of n characters or bytes.
func tokens(n, each int64) int64 { return (max(n, 0) + each - 1) / each }

// items returns the number of items in a request.
func items(m protoreflect.Message, name string) int64 {
	for _, field := range []protoreflect.Name{"requests", "instances"} {
		if f := m.Descriptor().Fields().ByName(field); f != nil && f.IsList() {
			return int64(m.Get(f).List().Len())
		}
	}
	if strings.HasPrefix(name, "EmbedContent") {
		return 1
	}
	return 0
}

// sum adds up what a model reads of a request.
type sum struct{ characters, media, images int64 }

// message adds the fields of a message.
func (s *sum) message(m protoreflect.Message, depth int) {
	if depth > deepest {
		return
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				if f.MapKey().Kind() == protoreflect.StringKind {
					s.text(k.String())
				}
				s.value(m, f.MapValue(), v, depth)
				return true
			})
		case f.IsList():
			for i := range v.List().Len() {
				s.value(m, f, v.List().Get(i), depth)
			}
		default:
			s.value(m, f, v, depth)
		}
		return true
	})
}

// value adds a value of a field.
func (s *sum) value(m protoreflect.Message, f protoreflect.FieldDescriptor, v protoreflect.Value, depth int) {
	switch f.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		s.message(v.Message(), depth+1)
	case protoreflect.StringKind:
		if !isName(f.Name()) {
			s.text(v.String())
		}
	case protoreflect.BytesKind:
		if strings.HasPrefix(mediaType(m), "image/") {
			s.images++
		} else {
			s.media += int64(len(v.Bytes()))
		}
	default:
	}
}

func (s *sum) text(text string) { s.characters += int64(utf8.RuneCountInString(text)) }

// isName reports whether a field names something, so that the model does not read it.
func isName(field protoreflect.Name) bool {
	switch field {
	case "model", "endpoint", "role", "cached_content", "mime_type", "response_mime_type", "file_uri":
		return true
	}
	return false
}

// mediaType returns the media type of a blob.
func mediaType(m protoreflect.Message) string {
	if f := m.Descriptor().Fields().ByName("mime_type"); f != nil && f.Kind() == protoreflect.StringKind && !f.IsList() {
		return m.Get(f).String()
	}
	return ""
}

// Usage returns what a call of Gemini or Vertex AI has taken, for interceptor.WithUsage: the
// tokens of the prompt in the usage metadata of a response, with those of cached content. It
// returns false for a reply without them. Usage reads the fields by name, and is safe for
// concurrent use.
func Usage(_ string, reply any) (policy.Cost, bool) {
	p, ok := reply.(proto.Message)
	if !ok {
		return policy.Cost{}, false
	}
	m := p.ProtoReflect()
	f := m.Descriptor().Fields().ByName("usage_metadata")
	if f == nil || f.Kind() != protoreflect.MessageKind || f.Cardinality() == protoreflect.Repeated || !m.Has(f) {
		return policy.Cost{}, false
	}
	usage := m.Get(f).Message()
	f = usage.Descriptor().Fields().ByName("prompt_token_count")
	if f == nil || f.Cardinality() == protoreflect.Repeated || (f.Kind() != protoreflect.Int32Kind && f.Kind() != protoreflect.Int64Kind) {
		return policy.Cost{}, false
	}
	n := usage.Get(f).Int()
	return policy.Cost{Tokens: n}, n > 0
}
