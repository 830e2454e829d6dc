package explain

import (
	"errors"
	"strings"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// CheckMethod returns an error unless s is /package.Service/Method.
func CheckMethod(s string) error {
	if policy.ValidatePattern(s) != nil || strings.HasSuffix(s, "*") {
		return errors.New("want /package.Service/Method")
	}
	return nil
}

// repeatable says whether a method may run twice, and why.
func repeatable(method string) (yes bool, because string) {
	if method == "" {
		return true, "assumed, since no -method was given"
	}
	switch yes, by := interceptor.KnownRepeatable(method); by {
	case "name":
		return yes, "it is in the list for Gemini and Vertex AI"
	case "exception":
		return yes, "it acts or stores: an exception in the list for Gemini and Vertex AI"
	case "":
		return yes, "nothing is known of it; interceptor.Repeatable() would allow it"
	default:
		return yes, "its descriptor says so (" + by + ")"
	}
}
