package app

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
)

// parsePasted makes an error of one that was pasted: the JSON of a Google API,
// the text of a gRPC error in whatever surrounds it, one of a REST client, a line of
// our own log, or a status such as "UNAVAILABLE: text". The second error says that it is
// none.
func parsePasted(text string) (error, error) {
	text = strings.TrimSpace(text)
	plain := text
	if strings.Contains(text, `\"`) { // a log has quoted it
		plain = strings.NewReplacer(`\"`, `"`, `\n`, "\n", `\\`, `\`).Replace(text)
	}
	for _, text := range []string{text, plain} {
		if st := statusInside(text); st != nil {
			return st.Err(), nil
		}
	}
	for _, form := range forms() {
		m := form.FindStringSubmatch(plain)
		if m == nil {
			continue
		}
		if code, ok := codeNamed(m[form.SubexpIndex("code")]); ok {
			return pastedStatus(code, m[form.SubexpIndex("text")]), nil
		}
	}
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} { // no status at all
		if strings.HasSuffix(plain, ended.Error()) {
			return status.FromContextError(ended).Err(), nil
		}
	}
	return nil, errors.New(`want an error: "UNAVAILABLE: text", the text of a gRPC error ("rpc error: code = ..."), or the JSON of an API's error`)
}

// statusInside returns the status that stands in a text as JSON, or nil.
func statusInside(text string) *status.Status {
	for _, opening := range []string{"[{", "{"} { // a list of errors, or one behind something else in brackets
		begin, end := strings.IndexAny(text, opening), strings.LastIndexAny(text, "}]")
		if begin < 0 || end < begin {
			continue
		}
		if st, err := codes.FromJSON([]byte(text[begin : end+1])); err == nil {
			return st
		}
	}
	return nil
}

// forms are those in which errors are printed.
func forms() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`(?s)code = (?P<code>\w+)(?: desc = (?P<text>.*))?`),                                               // grpc-go, and all who wrap it
		regexp.MustCompile(`(?s)Error \d+, Message: (?P<text>.*?), Status: (?P<code>\w+), Details: `),                         // genai
		regexp.MustCompile(`(?s)googleapi: (?:got HTTP response code|Error) (?P<code>\d{3})(?: with body)?:?\s*(?P<text>.*)`), // google-api-go-client
		regexp.MustCompile(`grpc\.code["=: ]+(?P<code>\w+)(?:.*retry\.message["=: ]+(?P<text>[^"]*))?`),                       // our log
		regexp.MustCompile(`(?s)^(?P<code>\w+)(?:\s*[:,]\s*(?P<text>.*))?$`),
	}
}

// codeNamed returns the code of a name, in either spelling, or of a number: gRPC's, or
// that of an HTTP status.
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

// The details that package apierror prints behind a message.
var (
	printedRetry = regexp.MustCompile(`error details: retry in (\S+)`)
	printedInfo  = regexp.MustCompile(`error details: name = ErrorInfo reason = (\S+) domain = (\S+)`)
)

// pastedStatus returns the status, with the details that its text tells of.
func pastedStatus(code grpccodes.Code, message string) error {
	message = strings.TrimSpace(message)
	if strings.Count(message, `"`)%2 == 1 { // that of the log around it
		message = strings.TrimSuffix(message, `"`)
	}
	st := status.New(code, message)
	var details []protoadapt.MessageV1
	if m := printedRetry.FindStringSubmatch(message); m != nil {
		if d, err := time.ParseDuration(m[1]); err == nil {
			details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
		}
	}
	if m := printedInfo.FindStringSubmatch(message); m != nil {
		details = append(details, &errdetails.ErrorInfo{Reason: m[1], Domain: m[2]})
	}
	if detailed, err := st.WithDetails(details...); err == nil && len(details) > 0 {
		st = detailed
	}
	return st.Err()
}
