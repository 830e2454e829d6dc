package explain

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// pasted is a failure according to a pasted text.
type pasted struct {
	status   *status.Status
	evidence codes.Evidence
	assumed  string // how the evidence is known
	method   string // "/package.Service/Method", or empty if the text has none

	refused bool         // the text says: the method may not run twice
	own     []codes.Rule // the decision in a log line of our own
	unread  []string     // open or unreadable parts of the text
}

// err returns the failure in the interceptor's form.
func (p *pasted) err() error { return p.status.Err() }

// failure classifies the status.
func (p *pasted) failure() codes.Failure { return codes.Classify(p.err(), p.evidence, p.own...) }

// explain reads the text of a failure, in any surroundings: the status, the reach of the
// request as far as known, and the method. The outermost status counts, as for an
// interceptor: a status within another's text is the business of the sender. The error
// says: the text has no status.
func explain(text string) (pasted, error) {
	text = strings.TrimSpace(text)
	trailer, text := pastedTrailer(text)
	line := readLine(text)
	p, ok := line.decision()
	if !ok {
		var f found
		if f, ok = outermost(text, mostQuoted); !ok {
			f, ok = outermost(unescaped(text), mostQuoted)
		}
		if !ok {
			f, ok = line.code()
		}
		if !ok {
			f, ok = bareCode(text)
		}
		if !ok {
			f, ok = contextEnded(text)
		}
		if !ok {
			return pasted{}, errors.New(`want an error: "UNAVAILABLE: text", the text of a gRPC error ("rpc error: code = ..."), or the JSON of an API's error`)
		}
		p = pasted{status: f.status, unread: f.unread}
		p.evidence, p.assumed = evidenceOf(f, trailer)
		p.assumeStart()
	}
	p.fromError(text)
	if p.method == "" {
		p.method = line.method()
	}
	return p, nil
}

// found is a status in a text.
type found struct {
	at     int // the beginning
	status *status.Status
	http   bool     // the answer of a server to an HTTP request
	unread []string // parts of the form
}

// form reads a printed form of errors.
type form func(text string) (found, bool)

// mostQuoted is how deep a log may have quoted the text of another.
const mostQuoted = 3

// outermost returns the first status of the text: any other status is in or behind the
// message of the first. Text in quotes is read separately, depth levels deep: a message
// ends with the quotes.
func outermost(text string, depth int) (first found, ok bool) {
	for _, read := range forms() {
		if f, yes := read(text); yes && (!ok || f.at < first.at) {
			first, ok = f, true
		}
	}
	if depth == 0 {
		return first, ok
	}
	for _, at := range quotedValue.FindAllStringIndex(text, -1) {
		if ok && first.at < at[0] {
			break
		}
		begin := at[0] + strings.IndexByte(text[at[0]:], '"')
		inside, err := strconv.Unquote(text[begin:at[1]])
		if err != nil {
			continue
		}
		if f, yes := outermost(inside, depth-1); yes && len(inside) < len(text) {
			f.at = at[0]
			return f, true
		}
	}
	return first, ok
}

// unescaped returns a text quoted by a log, of which the quotes were not pasted.
func unescaped(text string) string {
	if !strings.Contains(text, `\"`) && !strings.Contains(text, `\n`) {
		return text
	}
	return strings.NewReplacer(`\"`, `"`, `\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(text)
}

// contextEnded reads an error of package context, without a status.
func contextEnded(text string) (found, bool) {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if strings.HasSuffix(text, ended.Error()) {
			return found{status: status.FromContextError(ended)}, true
		}
	}
	return found{}, false
}
