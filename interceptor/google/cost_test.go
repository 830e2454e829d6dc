package google_test

import (
	"net/http"
	"strings"
	"testing"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/reinvoke/reinvoke/interceptor/google"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// say returns a prompt of parts.
func say(parts ...*pb.Part) *pb.GenerateContentRequest {
	return &pb.GenerateContentRequest{Model: "models/gemini-2.5-flash", Contents: []*pb.Content{{Role: "user", Parts: parts}}}
}

func text(n int) *pb.Part { return &pb.Part{Data: &pb.Part_Text{Text: strings.Repeat("ü", n)}} }

func blob(media string, n int) *pb.Part {
	return &pb.Part{Data: &pb.Part_InlineData{InlineData: &pb.Blob{MimeType: media, Data: make([]byte, n)}}}
}

// embed returns a text to be embedded.
func embed(n int) *pb.EmbedContentRequest {
	return &pb.EmbedContentRequest{Model: "models/text-embedding-004", Content: &pb.Content{Parts: []*pb.Part{text(n)}}}
}

// deep returns a schema in schemas.
func deep(n int) *pb.Schema {
	if n == 0 {
		return &pb.Schema{Description: strings.Repeat("d", 400)}
	}
	return &pb.Schema{Items: deep(n - 1)}
}

func TestCost(t *testing.T) {
	cached := say(text(400))
	cached.CachedContent = proto.String("cachedContents/" + strings.Repeat("x", 100))
	tools := say(text(400))
	tools.Tools = []*pb.Tool{{FunctionDeclarations: []*pb.FunctionDeclaration{{Name: "f", Description: strings.Repeat("d", 396), Parameters: &pb.Schema{Properties: map[string]*pb.Schema{"key": {}}}}}}}
	schema := say()
	schema.GenerationConfig = &pb.GenerationConfig{ResponseMimeType: "application/json", ResponseSchema: deep(20)}
	hostile := say()
	hostile.GenerationConfig = &pb.GenerationConfig{ResponseSchema: deep(5000)}
	instance, err := structpb.NewValue(map[string]any{"c": strings.Repeat("x", 399)})
	if err != nil {
		t.Fatal(err)
	}
	rest, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://x/v1beta/models/m:generateContent", strings.NewReader(strings.Repeat("x", 401)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		req  any
		want policy.Cost
	}{
		"text":                    {say(text(400), text(2)), policy.Cost{Tokens: 101}},
		"instructions":            {&pb.GenerateContentRequest{SystemInstruction: &pb.Content{Parts: []*pb.Part{text(40)}}}, policy.Cost{Tokens: 10}},
		"an image":                {say(text(4), blob("image/png", 100_000)), policy.Cost{Tokens: 259}},
		"two images":              {say(blob("image/png", 100), blob("image/jpeg", 5)), policy.Cost{Tokens: 516}},
		"sound":                   {say(blob("audio/mp3", 160_000)), policy.Cost{Tokens: 320}},
		"a file":                  {say(&pb.Part{Data: &pb.Part_FileData{FileData: &pb.FileData{MimeType: "video/mp4", FileUri: "https://files/1234567890"}}}), policy.Cost{}},
		"cached content":          {cached, policy.Cost{Tokens: 100}},
		"tools":                   {tools, policy.Cost{Tokens: 200}},
		"a schema":                {schema, policy.Cost{Tokens: 100}},
		"a hostile schema":        {hostile, policy.Cost{}},
		"an embedding":            {embed(400), policy.Cost{Tokens: 100, Items: 1}},
		"embeddings":              {&pb.BatchEmbedContentsRequest{Requests: []*pb.EmbedContentRequest{embed(200), embed(200), embed(400)}}, policy.Cost{Tokens: 200, Items: 3}},
		"a prediction":            {&pb.PredictRequest{Instances: []*structpb.Value{instance, instance}}, policy.Cost{Tokens: 200, Items: 2}},
		"counted tokens":          {&pb.CountTokensRequest{Contents: []*pb.Content{{Parts: []*pb.Part{text(400)}}}}, policy.Cost{}},
		"the first message":       {&pb.BidiGenerateContentClientMessage{MessageType: &pb.BidiGenerateContentClientMessage_ClientContent{ClientContent: &pb.BidiGenerateContentClientContent{Turns: []*pb.Content{{Parts: []*pb.Part{text(8)}}}}}}, policy.Cost{Tokens: 2}},
		"a message of other APIs": {structpb.NewStringValue(strings.Repeat("x", 100)), policy.Cost{Tokens: 26}},
		"a call over REST":        {rest, policy.Cost{Tokens: 101}},
		"a body of unknown size":  {&http.Request{ContentLength: -1}, policy.Cost{}},
		"a nil message":           {(*pb.GenerateContentRequest)(nil), policy.Cost{}},
		"a nil REST call":         {(*http.Request)(nil), policy.Cost{}},
		"nothing":                 {nil, policy.Cost{}},
		"a word":                  {"hello", policy.Cost{}},
	} {
		if got := google.Cost("", c.req); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

func TestUsage(t *testing.T) {
	response := func(n int32) *pb.GenerateContentResponse {
		return &pb.GenerateContentResponse{UsageMetadata: &pb.GenerateContentResponse_UsageMetadata{PromptTokenCount: n, CachedContentTokenCount: 5, TotalTokenCount: 99}}
	}
	for name, c := range map[string]struct {
		reply any
		want  policy.Cost
	}{
		"a response":           {response(12), policy.Cost{Tokens: 12}},
		"a live message":       {&pb.BidiGenerateContentServerMessage{UsageMetadata: &pb.UsageMetadata{PromptTokenCount: 7}}, policy.Cost{Tokens: 7}},
		"no usage as yet":      {&pb.GenerateContentResponse{}, policy.Cost{}},
		"no prompt":            {response(0), policy.Cost{}},
		"a negative number":    {response(-4), policy.Cost{}},
		"an embedding":         {&pb.EmbedContentResponse{}, policy.Cost{}},
		"another message":      {structpb.NewStringValue("x"), policy.Cost{}},
		"a nil response":       {(*pb.GenerateContentResponse)(nil), policy.Cost{}},
		"nothing":              {nil, policy.Cost{}},
		"a list of usages":     {odd(t, descriptorpb.FieldDescriptorProto_LABEL_REPEATED, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE), policy.Cost{}},
		"a word for the usage": {odd(t, descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL, descriptorpb.FieldDescriptorProto_TYPE_STRING), policy.Cost{}},
		"a word for the count": {odd(t, descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL, descriptorpb.FieldDescriptorProto_TYPE_MESSAGE), policy.Cost{}},
	} {
		got, ok := google.Usage("", c.reply)
		if ok != (c.want.Tokens > 0) || (ok && got != c.want) {
			t.Errorf("%s: got %+v, %t, want %+v", name, got, ok, c.want)
		}
	}
}

// odd returns a message with a usage_metadata unlike Google's, in whose message the count is a
// word.
func odd(t *testing.T, label descriptorpb.FieldDescriptorProto_Label, kind descriptorpb.FieldDescriptorProto_Type) proto.Message {
	t.Helper()
	usage := &descriptorpb.FieldDescriptorProto{Name: proto.String("usage_metadata"), Number: proto.Int32(1), Label: label.Enum(), Type: kind.Enum()}
	if kind == descriptorpb.FieldDescriptorProto_TYPE_MESSAGE {
		usage.TypeName = proto.String(".odd.Usage")
	}
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: proto.String("odd.proto"), Package: proto.String("odd"), Syntax: proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{
			{Name: proto.String("Reply"), Field: []*descriptorpb.FieldDescriptorProto{usage}},
			{Name: proto.String("Usage"), Field: []*descriptorpb.FieldDescriptorProto{{
				Name: proto.String("prompt_token_count"), Number: proto.Int32(1), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Type: descriptorpb.FieldDescriptorProto_TYPE_STRING.Enum(),
			}}},
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(file.Messages().ByName("Reply"))
	f := m.Descriptor().Fields().ByName("usage_metadata")
	switch {
	case f.IsList():
		m.Mutable(f).List().AppendMutable()
	case f.Kind() == protoreflect.StringKind:
		m.Set(f, protoreflect.ValueOfString("x"))
	default:
		in := m.Mutable(f).Message()
		in.Set(in.Descriptor().Fields().ByName("prompt_token_count"), protoreflect.ValueOfString("12"))
	}
	return m
}

// TestCost_allocations: the estimate is quick, whatever the size of the request.
func TestCost_allocations(t *testing.T) {
	if grpctest.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	req := say(text(100_000), blob("image/png", 1<<20))
	if got := testing.AllocsPerRun(100, func() { google.Cost("", req) }); got > 12 {
		t.Errorf("%v allocations for a cost, want at most 12", got)
	}
	reply := &pb.GenerateContentResponse{UsageMetadata: &pb.GenerateContentResponse_UsageMetadata{PromptTokenCount: 3}}
	if got := testing.AllocsPerRun(100, func() { google.Usage("", reply) }); got > 0 {
		t.Errorf("%v allocations for a usage, want none", got)
	}
}

func BenchmarkCost(b *testing.B) {
	req := say(text(4000), blob("image/png", 1<<20))
	b.ReportAllocs()
	for b.Loop() {
		google.Cost("", req)
	}
}
