package google

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
)

// Regions returns a target for each region of Vertex AI, in the order of the names: see
// [Region] for an order of your own.
func Regions(conns map[string]grpc.ClientConnInterface) []interceptor.Target {
	all := make([]interceptor.Target, 0, len(conns))
	for _, name := range slices.Sorted(maps.Keys(conns)) {
		all = append(all, Region(name, conns[name]))
	}
	return all
}

// Region returns the target of a region of Vertex AI, such as "us-east1" or "global". conn
// is the connection to the region's server; nil for a target of REST calls alone, which go
// to the region's host. Region panics if the name is empty or names more than a region.
//
// The target rewrites locations/R in the fields model, endpoint, name and parent of a
// request and in the routing header, or in the path and the host of a REST call. These
// calls do not go to another region: calls that name no location, or this region already,
// calls of resources that a project has made, such as uploaded models and endpoints with a
// number, calls with cached content, and calls that make or change something.
func Region(name string, conn grpc.ClientConnInterface) interceptor.Target {
	t, err := regionTarget(name, conn)
	if err != nil {
		panic(fmt.Errorf("google: Region: name %w", err))
	}
	return t
}

// regionTarget returns the target of a region.
func regionTarget(name string, conn grpc.ClientConnInterface) (interceptor.Target, error) {
	if name == "" || strings.ContainsAny(name, "/:. ") {
		return interceptor.Target{}, fmt.Errorf("%q: want a region such as us-east1", name)
	}
	return interceptor.Target{Name: name, Conn: conn, Adapt: region{name, conn != nil}.adapt}, nil
}

// region is a region of Vertex AI.
type region struct {
	name string
	grpc bool // there is a connection
}

var (
	// location is the region in the name of a resource.
	location = regexp.MustCompile(`(^|/)locations/[^/:]+`)
	// everywhere are the resources that every region has: the region itself, models of a
	// publisher, and the endpoint of OpenAI's form.
	everywhere = regexp.MustCompile(`(^|/)locations/[^/:]+(:[A-Za-z]+$|$|/publishers/|/endpoints/openapi($|[/:]))`)
	// hosts are the servers of a region, or of all.
	hosts = regexp.MustCompile(`^(?:[a-z]+-[a-z]+[0-9]+-aiplatform\.googleapis\.com|aiplatform\.googleapis\.com|aiplatform\.[a-z0-9-]+\.rep\.googleapis\.com)$`)
)

// replace returns the name of a resource in this region, or false if the resource is in no
// other region or cannot leave its own.
func (r region) replace(name string) (string, bool) {
	if !everywhere.MatchString(name) {
		return name, false
	}
	other := location.ReplaceAllString(name, "${1}locations/"+r.name)
	return other, other != name
}

// param rewrites the region in the routing header.
func (r region) param(_, value string) (string, bool) { return r.replace(value) }

// adapt is the Adapt function of the target.
func (r region) adapt(ctx context.Context, req any) (context.Context, any, bool) {
	switch req := req.(type) {
	case nil:
		ctx, ok := withParams(ctx, r.param)
		return ctx, nil, ok && r.grpc
	case *http.Request:
		other, ok := r.request(ctx, req)
		return ctx, other, ok
	case proto.Message:
		if keeps(string(req.ProtoReflect().Descriptor().Name())) {
			return ctx, req, false
		}
		other, ok := rewrite(req, r.replace, "model", "endpoint", "name", "parent")
		if !ok || !r.grpc {
			return ctx, req, false
		}
		ctx, _ = withParams(ctx, r.param)
		return ctx, other, true
	}
	return ctx, req, false
}

// request returns the HTTP request in the region.
func (r region) request(ctx context.Context, req *http.Request) (*http.Request, bool) {
	_, verb, asks := strings.Cut(req.URL.Path, ":")
	other, ok := r.replace(req.URL.Path)
	if !ok || keeps(verb) || (req.Method != http.MethodGet && !asks && !strings.Contains(req.URL.Path, "/endpoints/openapi")) {
		return req, false // what is made stays where it is made
	}
	out := req.Clone(ctx)
	out.URL.Path, out.URL.RawPath = other, ""
	replaceHeader(out.Header, r.param)
	if hosts.MatchString(req.URL.Host) {
		out.URL.Host = r.host(req.URL.Host)
		out.Host = ""
	}
	return out, true
}

// host returns the server of the region, in the form of the server of the call.
func (r region) host(like string) string {
	switch {
	case r.name == "global":
		return "aiplatform.googleapis.com"
	case r.name == "us", r.name == "eu", strings.HasSuffix(like, ".rep.googleapis.com"):
		return "aiplatform." + r.name + ".rep.googleapis.com"
	}
	return r.name + "-aiplatform.googleapis.com"
}
