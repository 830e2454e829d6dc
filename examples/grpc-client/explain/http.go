package explain

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// googleAPI is how google.golang.org/api googleapi.Error prints itself.
var googleAPI = regexp.MustCompile(`(?s)googleapi: (?:got HTTP response code|Error) (\d{3})(?: with body)?:?\s*(.*)`)

// googleAPIError reads the error, with details as JSON, or the body of the answer.
func googleAPIError(text string) (found, bool) { return numbered(googleAPI, text) }

// numbered reads a form with the status of HTTP and the answer.
func numbered(printed *regexp.Regexp, text string) (found, bool) {
	m := printed.FindStringSubmatchIndex(text)
	if m == nil {
		return found{}, false
	}
	number, _ := strconv.Atoi(text[m[2]:m[3]]) // three digits
	return answer(m[0], number, text[m[4]:m[5]])
}

// statusLine is an HTTP status with a reason, or after the word status.
var statusLine = regexp.MustCompile(`(?s)(?:\bHTTP/[\d.]+ |(?i:\bstatus(?: ?code)?[:= ]+))?\b([45]\d\d)\b[:.]?\s*(.*)`)

// httpStatus reads the rest of an answer by HTTP: "429 Too Many Requests", "status
// code 503", "HTTP/1.1 502 Bad Gateway". A number alone is no status.
func httpStatus(text string) (found, bool) {
	for at := 0; at < len(text); {
		m := statusLine.FindStringSubmatchIndex(text[at:])
		if m == nil {
			return found{}, false
		}
		number, _ := strconv.Atoi(text[at+m[2] : at+m[3]]) // three digits
		rest := text[at+m[4] : at+m[5]]
		reason := http.StatusText(number)
		word := strings.TrimRight(firstWord(rest), ".:,")
		_, coded := codeNamed(word)
		coded = coded && word[0] > '9'                     // a number is no name
		named := m[0] < m[2] || at+m[0] == 0 && rest != "" // after a word, or at the beginning of the text
		if named || coded || (reason != "" && strings.HasPrefix(strings.ToLower(rest), strings.ToLower(reason))) {
			return answer(at+m[0], number, rest)
		}
		at += m[3]
	}
	return found{}, false
}

// answer returns the status of an answer by HTTP: from the body, or else from the
// number. The list of details may follow a message.
func answer(at, number int, rest string) (found, bool) {
	if number < 400 || number >= 600 {
		return found{}, false
	}
	for _, read := range []form{jsonError, dictError} {
		if f, ok := read(rest); ok {
			f.at, f.http = at, true
			return f, true
		}
	}
	if i := behind.FindStringIndex(rest); i != nil {
		rest = rest[:i[0]]
	}
	if message, list, ok := strings.Cut(rest, "\nDetails:\n"); ok {
		var details []json.RawMessage
		if json.NewDecoder(strings.NewReader(list)).Decode(&details) == nil {
			f := fromParts(codes.HTTPCode(number), strings.TrimSpace(message), details)
			f.at = at
			return f, true
		}
	}
	rest = strings.TrimSpace(rest)
	if strings.Count(rest, `"`)%2 == 1 { // a quote of the log around the text
		rest = strings.TrimSuffix(rest, `"`)
	}
	return found{at: at, status: status.New(codes.HTTPCode(number), rest), http: true}, true
}
