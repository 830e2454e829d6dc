package explain

import (
	"regexp"
	"strings"
)

// genai is how google.golang.org/genai v1.77.0 prints an APIError (api_client.go).
var genai = regexp.MustCompile(`(?s)Error (\d+), Message: (.*?), Status: ([^,]*), Details: `)

// mostDetails is how many bytes of details are read, since maps may be nested. Judgement:
// those of Google's services have less than 4 KiB.
const mostDetails = 64 << 10

// genaiError reads the error. Details are maps, printed by package fmt.
func genaiError(text string) (found, bool) {
	m := genai.FindStringSubmatchIndex(text)
	if m == nil {
		return found{}, false
	}
	part := func(i int) string { return text[m[2*i]:m[2*i+1]] }
	code, ok := codeNamed(part(3))
	if !ok { // no JSON in the answer: the status is the HTTP status
		code, ok = codeNamed(part(1))
	}
	if !ok {
		return found{}, false
	}
	rest := text[m[1]:min(len(text), m[1]+mostDetails)]
	details, _ := goValue(rest)
	list, _ := details.([]any)
	f := fromParts(code, strings.TrimSpace(part(2)), asJSON(list))
	f.at = m[0]
	if !strings.HasPrefix(rest, "[") || bracketEnd(rest[1:]) == len(rest)-1 {
		f.unread = append(f.unread, "the end of the details: the text is cut")
	}
	return f, true
}
