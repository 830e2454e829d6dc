package google_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/google"
)

// lite is the target of a model.
func lite() interceptor.Target { return google.Models("models/lite")[0] }

// params returns a context with a routing header.
func params(t *testing.T, values ...string) context.Context {
	md := metadata.Pairs("other", "kept")
	md.Append("x-goog-request-params", values...)
	return metadata.NewOutgoingContext(t.Context(), md)
}

// routing returns the routing headers of a context.
func routing(ctx context.Context) string {
	md, _ := metadata.FromOutgoingContext(ctx)
	return strings.Join(md.Get("x-goog-request-params"), " ")
}

// generate is a request with contents.
func generate(model string) *pb.GenerateContentRequest {
	return &pb.GenerateContentRequest{
		Model:    model,
		Contents: []*pb.Content{{Role: "user", Parts: []*pb.Part{{Data: &pb.Part_Text{Text: "why?"}}}}},
	}
}

// TestModels_messages: the request for another model is the same but for the model, and the
// caller's own stays as it was.
func TestModels_messages(t *testing.T) {
	cached := generate("models/flash")
	cached.CachedContent = proto.String("cachedContents/1")
	setup := func(model string) proto.Message {
		return &pb.BidiGenerateContentClientMessage{MessageType: &pb.BidiGenerateContentClientMessage_Setup{Setup: &pb.BidiGenerateContentSetup{Model: model}}}
	}
	for name, c := range map[string]struct{ req, want proto.Message }{
		"a model":                     {generate("models/flash"), generate("models/lite")},
		"a bare name":                 {generate("flash"), generate("lite")},
		"a model of Vertex AI":        {generate("projects/p/locations/l/publishers/google/models/flash"), generate("projects/p/locations/l/publishers/google/models/lite")},
		"a model without a project":   {generate("publishers/google/models/flash"), generate("publishers/google/models/lite")},
		"tokens":                      {&pb.CountTokensRequest{Model: "models/flash"}, &pb.CountTokensRequest{Model: "models/lite"}},
		"tokens of a request":         {&pb.CountTokensRequest{Model: "models/flash", GenerateContentRequest: generate("models/flash")}, &pb.CountTokensRequest{Model: "models/lite", GenerateContentRequest: generate("models/lite")}},
		"the setup of a live session": {setup("models/flash"), setup("models/lite")},
		"the model itself":            {generate("models/lite"), nil},
		"a tuned model":               {generate("tunedModels/mine"), nil},
		"an uploaded model":           {generate("projects/p/locations/l/models/1"), nil},
		"an endpoint":                 {generate("projects/p/locations/l/endpoints/1"), nil},
		"no model":                    {generate(""), nil},
		"cached content":              {cached, nil},
		"an embedding":                {&pb.EmbedContentRequest{Model: "models/flash"}, nil},
		"embeddings":                  {&pb.BatchEmbedContentsRequest{Model: "models/flash"}, nil},
		"a prediction":                {&pb.PredictRequest{Model: "models/flash"}, nil},
		"a request without a model":   {&pb.ListModelsRequest{}, nil},
		"a later message":             {&pb.BidiGenerateContentClientMessage{MessageType: &pb.BidiGenerateContentClientMessage_ClientContent{}}, nil},
		"a nil request":               {(*pb.GenerateContentRequest)(nil), nil},
	} {
		before := proto.Clone(c.req)
		_, got, ok := lite().Adapt(t.Context(), c.req)
		if ok != (c.want != nil) || (ok && !proto.Equal(got.(proto.Message), c.want)) {
			t.Errorf("%s: got %v, %v, want %v", name, got, ok, c.want)
		}
		if !proto.Equal(c.req, before) {
			t.Errorf("%s: the caller's request has changed to %v", name, c.req)
		}
	}
	from := generate("models/flash")
	from.ProtoReflect().SetUnknown([]byte{0xf8, 0x7f, 1})
	_, got, _ := lite().Adapt(t.Context(), from)
	if m := got.(*pb.GenerateContentRequest); m.Contents[0] != from.Contents[0] || len(m.ProtoReflect().GetUnknown()) != 3 {
		t.Errorf("got %v, want the contents shared and unknown fields kept", m)
	}
}

// TestModels_header: the model in the routing header is another, and all else stays; the
// context of the caller too.
func TestModels_header(t *testing.T) {
	for name, c := range map[string]struct {
		have, want string
		ok         bool // without a request
	}{
		"a model":              {"model=models%2Fflash", "model=models%2Flite", true},
		"of an endpoint":       {"endpoint=projects%2Fp%2Flocations%2Fl%2Fpublishers%2Fgoogle%2Fmodels%2Fflash", "endpoint=projects%2Fp%2Flocations%2Fl%2Fpublishers%2Fgoogle%2Fmodels%2Flite", true},
		"among others":         {"a=b%2Fc&model=models%2Fflash&x", "a=b%2Fc&model=models%2Flite&x", true},
		"unescaped":            {"model=models/flash", "model=models%2Flite", true},
		"of Vertex AI":         {"model=projects%2Fp%2Flocations%2Fl%2Fpublishers%2Fgoogle%2Fmodels%2Fflash", "model=projects%2Fp%2Flocations%2Fl%2Fpublishers%2Fgoogle%2Fmodels%2Flite", true},
		"the same":             {"model=models%2Flite", "model=models%2Flite", false},
		"a tuned model":        {"model=tunedModels%2Fmine", "model=tunedModels%2Fmine", false},
		"no model":             {"name=x", "name=x", false},
		"a value out of order": {"model=%zz", "model=%zz", false},
	} {
		ctx := params(t, c.have)
		out, req, ok := lite().Adapt(ctx, nil)
		if got := routing(out); ok != c.ok || got != c.want || req != nil {
			t.Errorf("%s, no request: got %q, %v, %v: want %q", name, got, req, ok, c.want)
		}
		out, _, ok = lite().Adapt(ctx, generate("models/flash"))
		if got := routing(out); !ok || got != c.want {
			t.Errorf("%s: got %q, %v: want %q", name, got, ok, c.want)
		}
		if got := routing(ctx); got != c.have {
			t.Errorf("%s: the caller's context has changed to %q", name, got)
		}
	}
	if out, _, ok := lite().Adapt(t.Context(), nil); ok || routing(out) != "" {
		t.Error("without a header and a request nothing says where the call goes")
	}
	out, _, _ := lite().Adapt(params(t, "model=models%2Fflash", "b=1"), nil)
	if got := routing(out); got != "model=models%2Flite b=1" {
		t.Errorf("got %q, want both headers", got)
	}
}

// TestModels_requests: the path of a REST call names another model.
func TestModels_requests(t *testing.T) {
	const host = "https://generativelanguage.googleapis.com"
	for have, want := range map[string]string{
		"/v1beta/models/flash:generateContent":                                  "/v1beta/models/lite:generateContent",
		"/proxy/v1/models/flash:streamGenerateContent?alt=sse":                  "/proxy/v1/models/lite:streamGenerateContent?alt=sse",
		"/v1/projects/p/locations/l/publishers/google/models/f:generateContent": "/v1/projects/p/locations/l/publishers/google/models/lite:generateContent",
		"/v1beta1/publishers/google/models/f:countTokens":                       "/v1beta1/publishers/google/models/lite:countTokens",
		"/v1beta/models/lite:generateContent":                                   "",
		"/v1beta/models/flash:batchGenerateContent":                             "",
		"/v1beta/models/flash:embedContent":                                     "",
		"/v1beta/models/flash:batchEmbedContents":                               "",
		"/v1/projects/p/locations/l/publishers/google/models/f:predict":         "",
		"/v1beta/tunedModels/mine:generateContent":                              "",
		"/v1/projects/p/locations/l/endpoints/1:generateContent":                "",
		"/v1/projects/p/locations/l/models/1:generateContent":                   "",
		"/v1beta/models":            "",
		"/v1beta/cachedContents":    "",
		"/v1beta/models/flash":      "",
		"/v1beta/x:generateContent": "",
		"":                          "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, host+have, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		params := strings.ToLower("X-Goog-Request-Params") // as Google's clients for REST spell it
		req.Header[params] = []string{"model=models%2Fflash"}
		_, got, ok := lite().Adapt(t.Context(), req)
		if h := got.(*http.Request).Header[params]; ok && h[0] != "model=models%2Flite" {
			t.Errorf("%s: got the header %q", have, h)
		}
		if h := req.Header[params]; h[0] != "model=models%2Fflash" {
			t.Errorf("%s: the caller's header has changed to %q", have, h)
		}
		if ok != (want != "") || (ok && got.(*http.Request).URL.String() != host+want) {
			t.Errorf("%s: got %v, %v, want %s", have, got.(*http.Request).URL, ok, want)
		}
		if ok && (got.(*http.Request).GetBody == nil || got.(*http.Request).Body != req.Body) {
			t.Errorf("%s: the body is another", have)
		}
		if req.URL.String() != host+have {
			t.Errorf("%s: the caller's request has changed to %v", have, req.URL)
		}
	}
}
