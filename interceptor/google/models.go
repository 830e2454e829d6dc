package google

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
)

// Models returns a target for each model, in order of preference. A model is named as in
// the API, "models/gemini-2.5-flash" or "gemini-2.5-flash"; with Vertex AI, the model of
// the same publisher. Models panics if a name is empty or names more than a model.
//
// A target rewrites the model in the request and in the routing header, or in the path of a
// REST call. These calls do not go to another model: calls without a model, calls of tuned
// or uploaded models and of endpoints, calls with cached content, and embeddings and
// predictions, because the answers of two models do not compare; nor do calls that make or
// change something, such as a batch.
func Models(models ...string) []interceptor.Target {
	all := make([]interceptor.Target, 0, len(models))
	for i, m := range models {
		t, err := modelTarget(m)
		if err != nil {
			panic(fmt.Errorf("google: Models: model %d: %w", i+1, err))
		}
		all = append(all, t)
	}
	return all
}

// modelTarget returns the target of a model.
func modelTarget(name string) (interceptor.Target, error) {
	id := strings.TrimPrefix(name, "models/")
	if id == "" || strings.ContainsAny(id, "/: ") {
		return interceptor.Target{}, fmt.Errorf("%q: want a name such as models/gemini-2.5-flash", name)
	}
	return interceptor.Target{Name: name, Adapt: model(id).adapt}, nil
}

// model is the id of a model.
type model string

// resource is the name of a model that is everybody's, and not of a project: the forms of
// the Gemini API and of Vertex AI, and the bare id.
var resource = regexp.MustCompile(`^((?:models/|(?:projects/[^/]+/locations/[^/]+/)?publishers/[^/]+/models/)?)([^/]+)$`)

// replace returns the name with this model in place of its own, or false for names of other
// things, and of this model itself.
func (m model) replace(name string) (string, bool) {
	parts := resource.FindStringSubmatch(name)
	if parts == nil || parts[2] == string(m) {
		return name, false
	}
	return parts[1] + string(m), true
}

// adapt is the Adapt function of the target.
func (m model) adapt(ctx context.Context, req any) (context.Context, any, bool) {
	switch req := req.(type) {
	case nil:
		ctx, ok := withParams(ctx, m.param)
		return ctx, nil, ok
	case *http.Request:
		other, ok := m.request(ctx, req)
		return ctx, other, ok
	case proto.Message:
		other, ok := m.message(req)
		if !ok {
			return ctx, req, false
		}
		ctx, _ = withParams(ctx, m.param)
		return ctx, other, true
	}
	return ctx, req, false
}

// param rewrites the model in the routing header.
func (m model) param(key, value string) (string, bool) {
	if key != "model" && key != "endpoint" { // tokens of Vertex AI are counted at an endpoint
		return value, false
	}
	return m.replace(value)
}

// compares reports whether callers compare the answers of a method with each other.
func compares(method string) bool {
	method = strings.ToLower(method)
	return strings.Contains(method, "embed") || strings.Contains(method, "predict")
}

// keeps reports whether a method makes or changes something that stays where it is made.
func keeps(method string) bool {
	method = strings.ToLower(method)
	for _, verb := range []string{
		"create", "update", "delete", "batch", "tune", "upload", "import", "export", "deploy", "undeploy", "mutate", "copy", "cancel", "purge", "set", "add", "remove", "write",
	} {
		if strings.HasPrefix(method, verb) {
			return true
		}
	}
	return false
}

// message returns the request for the model.
func (m model) message(req proto.Message) (proto.Message, bool) {
	if name := string(req.ProtoReflect().Descriptor().Name()); compares(name) || keeps(name) {
		return req, false
	}
	return rewrite(req, m.replace, "model", "endpoint")
}

// path is the path of a REST call: what comes before the resource, the resource and the
// method.
var path = regexp.MustCompile(`^((?:.*/)?v[1-9][0-9]*(?:(?:alpha|beta)[0-9]*)?/)(.+)(:[A-Za-z]+)$`)

// request returns the HTTP request for the model.
func (m model) request(ctx context.Context, req *http.Request) (*http.Request, bool) {
	parts := path.FindStringSubmatch(req.URL.Path)
	if parts == nil || compares(parts[3]) || keeps(parts[3][1:]) {
		return req, false
	}
	other, ok := m.replace(parts[2])
	if !ok || !strings.Contains(parts[2], "/") {
		return req, false
	}
	out := req.Clone(ctx)
	out.URL.Path, out.URL.RawPath = parts[1]+other+parts[3], ""
	replaceHeader(out.Header, m.param)
	return out, true
}
