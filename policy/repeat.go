package policy

import (
	"strings"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// repeats reports whether the method may be sent again after this failure, counted as class. A
// method not known to be repeatable may, if the failure itself says the server did not act on
// the request; by AIP-194 an UNAVAILABLE answered by the server says so. A method that must not
// run twice needs proof.
func repeats(s *State, f *codes.Failure, class codes.Class) bool {
	switch {
	case s.Repeatable, f.Reach == codes.Unsent:
		return true
	case f.MayHaveRun:
		return false
	case s.NotRepeatable && !proven(s, f, class):
		return false
	case class == codes.Quota, class == codes.Expired:
		return true
	}
	return unavailable(f)
}

// unavailable reports whether the server answered UNAVAILABLE.
func unavailable(f *codes.Failure) bool {
	return f.Code == grpccodes.Unavailable && f.Reach == codes.Answered
}

// proven reports whether the server's answer proves that nothing ran: the server asks to be
// called again (gRFC A6), or refuses by a quota of its own. A refusal relayed from another
// service proves nothing about work done before.
func proven(s *State, f *codes.Failure, class codes.Class) bool {
	switch {
	case f.Pushback.Set:
		return !f.Pushback.Stop && f.Pushback.Delay >= 0
	case s.TrustUnavailable && unavailable(f):
		return true
	}
	return s.OwnQuota && class == codes.Quota
}

// IsCalled reports whether the refusing service ([codes.Failure.Service]) is the called
// service, given the full method name, "/package.Service/Method", and the target of the
// connection. Method and target may be empty if unknown.
func IsCalled(service, method, target string) bool {
	return service != "" && (isService(service, method) || isHost(service, target))
}

// isService reports whether name is the method's service or the API of that service:
// "pubsub.googleapis.com" is the API of google.pubsub.v1.Publisher.
func isService(name, method string) bool {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	if service == "" || name == service {
		return service != ""
	}
	api, ok := strings.CutSuffix(name, googleAPIs)
	return ok && strings.HasPrefix(service, "google.") && strings.Contains(service, "."+api+".")
}

// isHost reports whether name is the host in the target, or the Google API served by that host:
// in a region, as "us-east1-aiplatform.googleapis.com" and
// "aiplatform.us-east1.rep.googleapis.com", or with a client certificate, as
// "pubsub.mtls.googleapis.com".
func isHost(name, target string) bool {
	host := target[strings.LastIndexByte(target, '/')+1:]
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	if host == name {
		return host != ""
	}
	api, ok := strings.CutSuffix(name, googleAPIs)
	return ok && (strings.HasSuffix(host, "-"+name) || (strings.HasPrefix(host, api+".") && strings.HasSuffix(host, googleAPIs)))
}

// googleAPIs is the suffix of the names of Google's services.
const googleAPIs = ".googleapis.com"
