package rest

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/reinvoke/reinvoke/interceptor"
)

// name names a request in the terms of gRPC.
type name struct {
	method   string // "/package.Service/Method", or "/host/VERB"
	resource string // such as "model=models/x"; empty for none
}

var (
	version = regexp.MustCompile(`^v[1-9][0-9]*((alpha|beta)[0-9]*)?$`)
	verb    = regexp.MustCompile(`^[a-z][0-9A-Za-z]{0,63}$`)
)

// nameOf maps a POST to a model of Gemini or Vertex AI to the method of the gRPC API, by
// the end of the path, since a proxy may have a prefix of its own. Any other request has
// the host as the service and the verb as the method: a path has too many values for the
// label of a metric.
func nameOf(req *http.Request) name {
	other := name{method: "/" + req.URL.Host + "/" + methodOf(req)}
	path, verbOf, ok := cutLast(req.URL.Path, ":")
	if !ok || methodOf(req) != http.MethodPost || !verb.MatchString(verbOf) {
		return other
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if !version.MatchString(part) {
			continue
		}
		if service, field := serviceOf(part, parts[i+1:], verbOf); service != "" {
			return name{
				method:   "/" + service + "/" + strings.ToUpper(verbOf[:1]) + verbOf[1:],
				resource: field + "=" + strings.Join(parts[i+1:], "/"),
			}
		}
	}
	return other
}

// serviceOf returns the service that serves the verb of a resource, and the field of its
// requests that names the resource.
func serviceOf(version string, resource []string, verb string) (service, field string) {
	if len(resource) < 2 {
		return "", ""
	}
	predicts := strings.HasPrefix(verb, "predict")
	switch collection := resource[len(resource)-2]; {
	case len(resource) == 2 && (collection == "models" || collection == "tunedModels"):
		if predicts {
			return "google.ai.generativelanguage." + version + ".PredictionService", "model"
		}
		return "google.ai.generativelanguage." + version + ".GenerativeService", "model"
	case collection == "endpoints", collection == "models" && len(resource) >= 4 && resource[len(resource)-4] == "publishers":
		if verb == "computeTokens" || (verb == "countTokens" && version == "v1") {
			return "google.cloud.aiplatform." + version + ".LlmUtilityService", "endpoint"
		}
		if strings.HasSuffix(strings.ToLower(verb), "predict") || predicts {
			return "google.cloud.aiplatform." + version + ".PredictionService", "endpoint"
		}
		return "google.cloud.aiplatform." + version + ".PredictionService", "model"
	}
	return "", ""
}

// cutLast is strings.Cut for the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// methodOf returns the HTTP method; an empty one is GET.
func methodOf(req *http.Request) string {
	if req.Method == "" {
		return http.MethodGet
	}
	return req.Method
}

// describe describes the call to the Retrier.
func (x *exchange) describe() interceptor.CallInfo { return x.describeAs(x.req) }

// describeAs describes the request of the call, or of a target.
func (x *exchange) describeAs(request any) interceptor.CallInfo {
	req, _ := request.(*http.Request) // nothing else is adapted
	n := nameOf(req)
	return interceptor.CallInfo{
		Method: n.method, Target: req.URL.Host, Quota: quotaOf(req, n), Tenant: tenantOf(req), Request: req, Describe: x.describeAs,
		Repeatable: repeatable(req), Stream: asksForEvents(req), Size: int(max(req.ContentLength, 0)),
		Rules: x.t.rules, Remedy: remedy(req),
	}
}

// quotaOf returns the resource, and the paying project.
func quotaOf(req *http.Request, n name) string {
	quota := n.resource
	if project := req.Header.Get("X-Goog-User-Project"); project != "" {
		quota = strings.TrimSpace(quota + " project=" + project)
	}
	return quota
}

// tenantOf returns the secret of the customer with the quota.
func tenantOf(req *http.Request) string {
	if key := req.Header.Get("X-Goog-Api-Key"); key != "" {
		return key
	}
	if key := req.URL.Query().Get("key"); key != "" {
		return key
	}
	return req.Header.Get("Authorization")
}
