package explain

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// forms lists the printed forms of errors. Of two forms with the same beginning in a text
// the first counts: the first reads more of the text.
func forms() []form {
	return slices.Concat(
		[]form{jsonError, genaiError, googleAPIError, javaHTTPError, dictError, apiCoreError, grpcurlError},
		texts(grpcTexts...), texts(pythonTexts...), texts(javaTexts...),
		[]form{httpStatus},
	)
}

// quotedValue is a value in quotes, of key="value" or of JSON.
var quotedValue = regexp.MustCompile(`[=:]\s?"(?:[^"\\]|\\.)*"`)

// grpcTexts are how gRPC's libraries print a status, those of Java and Python aside.
var grpcTexts = []*regexp.Regexp{
	regexp.MustCompile(`(?s)(?:rpc error: )?code = (?P<code>\w+)(?: desc = (?P<text>.*))?`),  // grpc-go v1.85.0 internal/status, also when wrapped
	regexp.MustCompile(`(?s)\b(?:1[0-6]|[1-9]) (?P<code>[A-Z_]{4,}): (?P<text>.*)`),          // grpc-js 1.x call.ts
	regexp.MustCompile(`(?s)Status\(StatusCode="(?P<code>\w+)", Detail="(?P<text>.*?)"[,)]`), // Grpc.Core.Api 2.x Status.cs
	regexp.MustCompile(`(?s)^(?P<code>[A-Za-z_]+)\s*[:,]\s*(?P<text>.*)`),                    // the status alone; connect-go v1.x
}

// texts returns forms with a code and a message.
func texts(all ...*regexp.Regexp) (forms []form) {
	for _, printed := range all {
		forms = append(forms, func(text string) (found, bool) { return printedCode(printed, text) })
	}
	return forms
}

// mostTried bounds the matches of a form without a known code.
const mostTried = 20

// printedCode reads a text by a regular expression.
func printedCode(printed *regexp.Regexp, text string) (found, bool) {
	for from, tried := 0, 0; tried < mostTried; tried++ {
		m := printed.FindStringSubmatchIndex(text[from:])
		if m == nil || (from > 0 && strings.Contains(printed.String(), "^")) {
			break
		}
		part := func(name string) string {
			if i := 2 * printed.SubexpIndex(name); m[i] >= 0 {
				return text[from+m[i] : from+m[i+1]]
			}
			return ""
		}
		if code, ok := codeNamed(part("code")); ok {
			return printedStatus(from+m[0], code, part("text")), true
		}
		from += m[0] + 1
	}
	return found{}, false
}

// bareCode reads a code by itself, or before text, as a last resort: a name or a number.
func bareCode(text string) (found, bool) {
	name, message, _ := strings.Cut(text, ": ") // 12:00 is a time
	code, ok := codeNamed(strings.TrimSpace(name))
	return printedStatus(0, code, message), ok
}

// codeNamed returns the code of a name, in either spelling, or of a number: a gRPC code
// or an HTTP status.
func codeNamed(name string) (grpccodes.Code, bool) {
	if n, err := strconv.Atoi(name); err == nil {
		if n > 0 && n <= int(grpccodes.Unauthenticated) {
			return grpccodes.Code(n), true
		}
		return codes.HTTPCode(n), n >= 400 && n < 600
	}
	plain := strings.ReplaceAll(name, "_", "")
	for code := grpccodes.Canceled; code <= grpccodes.Unauthenticated; code++ {
		if strings.EqualFold(plain, code.String()) || (code == grpccodes.Canceled && strings.EqualFold(plain, "cancelled")) {
			return code, true
		}
	}
	return 0, false
}

// behind may follow a message in a text: the lines of a stack trace in Java and
// JavaScript, and the fields of a log.
var behind = regexp.MustCompile(`\n\s*(?:at [\w.$]+|Caused by: |Suppressed: |\.\.\. \d+ more)|\s(?:grpc|retry)\.\w+[=:]`)

// printedStatus returns the status of a text with code and message, and the details in
// the form of package apierror.
func printedStatus(at int, code grpccodes.Code, message string) found {
	if i := behind.FindStringIndex(message); i != nil {
		message = message[:i[0]]
	}
	message = strings.TrimSpace(message)
	if strings.Count(message, `"`)%2 == 1 { // a quote of the log around the message
		message = strings.TrimSuffix(message, `"`)
	}
	message, details := printedDetails(message)
	f := found{at: at, status: status.New(code, message)}
	if detailed, err := f.status.WithDetails(details...); err == nil && len(details) > 0 {
		f.status = detailed
	} else if code == grpccodes.ResourceExhausted {
		f.unread = []string{"the details of the status, such as the quota: this form does not print them"}
	}
	return f
}
