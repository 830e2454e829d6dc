package google_test

import (
	"net/http"
	"net/url"
	"testing"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor/google"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// TestRegions: the location in the names of a request and in the routing header is another,
// unless the resource is in one region only.
func TestRegions(t *testing.T) {
	conn := grpctest.Serve(t, grpctest.SilentFirst(0))
	all := google.Regions(map[string]grpc.ClientConnInterface{"us-west1": conn, "us-east1": conn})
	if len(all) != 2 || all[0].Name != "us-east1" || all[1].Name != "us-west1" || all[0].Conn != conn {
		t.Fatalf("got %v, want both, by name", all)
	}
	east := all[0]
	const google1, projectsL = "/publishers/google/models/flash", "projects/p/locations/"
	for have, want := range map[string]string{
		projectsL + "europe-west4" + google1:            projectsL + "us-east1" + google1,
		projectsL + "global" + google1:                  projectsL + "us-east1" + google1,
		projectsL + "europe-west4/endpoints/openapi":    projectsL + "us-east1/endpoints/openapi",
		projectsL + "europe-west4":                      projectsL + "us-east1",
		projectsL + "us-east1" + google1:                "",
		projectsL + "europe-west4/endpoints/1234567890": "",
		projectsL + "europe-west4/models/mine":          "",
		projectsL + "europe-west4/operations/1":         "",
		"models/flash":                                  "",
		"":                                              "",
	} {
		ctx := params(t, "model="+have)
		out, got, ok := east.Adapt(ctx, generate(have))
		wantParams := routing(ctx)
		if want != "" {
			wantParams = routing(params(t, "model="+url.QueryEscape(want)))
		}
		if ok != (want != "") || (ok && !proto.Equal(got.(proto.Message), generate(want))) || routing(out) != wantParams {
			t.Errorf("%s: got %v, %q, %v, want %s", have, got, routing(out), ok, want)
		}
		if _, got, ok := east.Adapt(ctx, nil); ok != (want != "") || got != nil {
			t.Errorf("%s, no request: got %v, %v", have, got, ok)
		}
	}
	cached := generate(projectsL + "europe-west4" + google1)
	cached.CachedContent = proto.String("projects/p/locations/europe-west4/cachedContents/1")
	if _, _, ok := east.Adapt(t.Context(), cached); ok {
		t.Error("cached content is in one region")
	}
	if _, got, ok := east.Adapt(t.Context(), &pb.GetModelRequest{Name: projectsL + "global" + google1}); !ok || got.(*pb.GetModelRequest).GetName() != projectsL+"us-east1"+google1 {
		t.Errorf("got %v, %v", got, ok)
	}
}

// TestRegion_requests: a REST call goes to the host of the region, unless the host is
// nobody's of Google's.
func TestRegion_requests(t *testing.T) {
	const path = "/publishers/google/models/flash:generateContent"
	for have, want := range map[string]string{
		"https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4" + path:                             "https://us-east1-aiplatform.googleapis.com/v1/projects/p/locations/us-east1" + path,
		"https://aiplatform.googleapis.com/v1/projects/p/locations/global" + path:                                                "https://us-east1-aiplatform.googleapis.com/v1/projects/p/locations/us-east1" + path,
		"https://aiplatform.europe-west4.rep.googleapis.com/v1/projects/p/locations/europe-west4" + path:                         "https://aiplatform.us-east1.rep.googleapis.com/v1/projects/p/locations/us-east1" + path,
		"https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/endpoints/openapi/chat/completions": "https://us-east1-aiplatform.googleapis.com/v1/projects/p/locations/us-east1/endpoints/openapi/chat/completions",
		"https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/cachedContents":                     "",
		"https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4:batchTranslate":                     "",
		"https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/endpoints/12:generateContent":       "",
		"http://localhost:8080/v1/projects/p/locations/global" + path:                                                            "http://localhost:8080/v1/projects/p/locations/us-east1" + path,
		"https://us-east1-aiplatform.googleapis.com/v1/projects/p/locations/us-east1" + path:                                     "",
		"https://generativelanguage.googleapis.com/v1beta/models/flash:generateContent":                                          "",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, have, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		_, got, ok := google.Region("us-east1", nil).Adapt(t.Context(), req)
		if ok != (want != "") || (ok && got.(*http.Request).URL.String() != want) {
			t.Errorf("%s: got %v, %v, want %s", have, got.(*http.Request).URL, ok, want)
		}
		if req.URL.String() != have {
			t.Errorf("%s: the caller's request has changed to %v", have, req.URL)
		}
	}
	if _, _, ok := google.Region("us-east1", nil).Adapt(t.Context(), generate("projects/p/locations/l/publishers/google/models/m")); ok {
		t.Error("without a connection a call over gRPC cannot go there")
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://us-east1-aiplatform.googleapis.com/v1/projects/p/locations/us-east1"+path, http.NoBody)
	if _, got, _ := google.Region("global", nil).Adapt(t.Context(), req); got.(*http.Request).URL.Host != "aiplatform.googleapis.com" {
		t.Errorf("got %v, want the host of all regions", got.(*http.Request).URL)
	}
}

// TestHeader: the attempt has the header, the call keeps its own, and a call that has it
// already does not go there.
func TestHeader(t *testing.T) {
	target := google.Header("X-Vertex-AI-LLM-Shared-Request-Type", "priority")
	const key = "x-vertex-ai-llm-shared-request-type"
	if target.Name != key+": priority" {
		t.Errorf("got the name %q", target.Name)
	}
	for _, ctx := range []func() (have []string){
		func() []string { return nil },
		func() []string { return []string{key, "flex", "other", "kept"} },
	} {
		in := t.Context()
		if have := ctx(); have != nil {
			in = metadata.AppendToOutgoingContext(in, have...)
		}
		out, req, ok := target.Adapt(in, generate("models/flash"))
		md, _ := metadata.FromOutgoingContext(out)
		if got := md.Get(key); !ok || len(got) != 1 || got[0] != "priority" || !proto.Equal(req.(proto.Message), generate("models/flash")) {
			t.Errorf("got %v, %v, %v", got, req, ok)
		}
		if before, _ := metadata.FromOutgoingContext(in); len(before.Get(key)) == 1 && before.Get(key)[0] != "flex" {
			t.Error("the caller's context has changed")
		}
		if _, _, ok := target.Adapt(out, nil); ok {
			t.Error("a call that has the header goes nowhere else")
		}
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x", http.NoBody)
	_, got, ok := target.Adapt(t.Context(), req)
	if other := got.(*http.Request); !ok || other.Header.Get(key) != "priority" || req.Header.Get(key) != "" {
		t.Errorf("got %v, %v", got, ok)
	}
	if _, _, ok := target.Adapt(t.Context(), got); ok {
		t.Error("a request that has the header goes nowhere else")
	}
}

// TestFaults: what cannot be a target says so at once.
func TestFaults(t *testing.T) {
	for want, f := range map[string]func(){
		`google: Models: model 2: "": want a name such as models/gemini-2.5-flash`:              func() { google.Models("models/a", "") },
		`google: Models: model 1: "tunedModels/a": want a name such as models/gemini-2.5-flash`: func() { google.Models("tunedModels/a") },
		`google: Region: name "": want a region such as us-east1`:                               func() { google.Region("", nil) },
		`google: Region: name "locations/x": want a region such as us-east1`:                    func() { google.Region("locations/x", nil) },
		`google: Header: key "": want the name of a header`:                                     func() { google.Header("", "x") },
		`google: Header: key "a b": want the name of a header`:                                  func() { google.Header("a b", "x") },
		`google: Header: value "" of a: want printable ASCII`:                                   func() { google.Header("A", "") },
		`google: Header: value "x\n" of a: want printable ASCII`:                                func() { google.Header("a", "x\n") },
	} {
		if got := grpctest.MustPanic(t, f); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
