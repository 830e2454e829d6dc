package policy

import (
	"strings"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
)

// repeats reports whether the method may be sent again after this failure, which counts
// as one of class. A method that is not known to be repeatable may, as long as the
// failure itself says that the server did not act on it; an UNAVAILABLE that the server
// answered with is such a one by AIP-194. Of one that must not run twice more than that
// is asked: proof.
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

// unavailable reports whether the server said that it is not.
func unavailable(f *codes.Failure) bool {
	return f.Code == grpccodes.Unavailable && f.Reach == codes.Answered
}

// proven reports whether what the server has answered proves that nothing ran: it asks
// itself to be called again (gRFC A6), or it refused by a quota of its own. One that it
// relays from further down proves nothing of what it did before.
func proven(s *State, f *codes.Failure, class codes.Class) bool {
	switch {
	case f.Pushback.Set:
		return !f.Pushback.Stop && f.Pushback.Delay >= 0
	case s.TrustUnavailable && unavailable(f):
		return true
	}
	return s.OwnQuota && class == codes.Quota
}

// IsCalled reports whether the service that refused ([codes.Failure.Service]) is the one
// that was called: by the full name of the method, "/package.Service/Method", or by what
// the connection was made to. Both may be empty, which is unknown.
func IsCalled(service, method, target string) bool {
	return service != "" && (isService(service, method) || isHost(service, target))
}

// isService reports whether the name is that of the method's service, or of the API that
// the service is of: "pubsub.googleapis.com" is that of google.pubsub.v1.Publisher.
func isService(name, method string) bool {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	if service == "" || name == service {
		return service != ""
	}
	api, ok := strings.CutSuffix(name, googleAPIs)
	return ok && strings.HasPrefix(service, "google.") && strings.Contains(service, "."+api+".")
}

// isHost reports whether the name is that of the host in the target, or of the API that
// Google serves there: in a region, as "us-east1-aiplatform.googleapis.com" and
// "aiplatform.us-east1.rep.googleapis.com", or with a certificate of the client, as
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

// googleAPIs is what the names of Google's services end with.
const googleAPIs = ".googleapis.com"
