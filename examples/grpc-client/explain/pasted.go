package explain

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// pasted is what a text that somebody pasted says of a failure.
type pasted struct {
	status   *status.Status
	evidence codes.Evidence
	assumed  string // how the evidence is known
	method   string // "/package.Service/Method", or empty if the text has none

	refused bool         // the text says that the method may not run twice
	own     []codes.Rule // what a log line of our own says was decided
	unread  []string     // what the text leaves open, or could not be read
}

// err returns the failure as the interceptor gets it.
func (p *pasted) err() error { return p.status.Err() }

// failure classifies it.
func (p *pasted) failure() codes.Failure { return codes.Classify(p.err(), p.evidence, p.own...) }

// explain reads the text of a failure, in whatever surrounds it: the status, what is
// known of how far the request got, and the method. A status that stands within the text
// of another one is that other one's business, as it is for an interceptor. The error
// says that the text has no status.
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
	at     int // where it begins
	status *status.Status
	http   bool     // it was the answer to an HTTP request, so that a server gave it
	unread []string // of it
}

// form is a way in which errors are printed.
type form func(text string) (found, bool)

// mostQuoted is how deep a log may have quoted the text of another.
const mostQuoted = 3

// outermost returns the status that begins first in the text: any other stands in its
// message, or behind it. Text in quotes is looked at by itself, depth levels deep, so that
// a message ends with its quotes.
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

// unescaped returns a text that a log has quoted, of which the quotes were not pasted.
func unescaped(text string) string {
	if !strings.Contains(text, `\"`) && !strings.Contains(text, `\n`) {
		return text
	}
	return strings.NewReplacer(`\"`, `"`, `\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(text)
}

// contextEnded reads an error of package context, which has no status.
func contextEnded(text string) (found, bool) {
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if strings.HasSuffix(text, ended.Error()) {
			return found{status: status.FromContextError(ended)}, true
		}
	}
	return found{}, false
}
