package explain

import (
	"regexp"
	"strconv"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// logLine has the fields of interest of a log line: those of go-grpc-middleware's
// logging, and our own.
type logLine map[string]string

// logField is a field in logfmt or JSON.
var logField = regexp.MustCompile(`\b(grpc\.(?:service|method|code)|retry\.[a-z]+)"?\s?[=:]\s?("(?:[^"\\]|\\.)*"|[^\s,}"]+)`)

// readLine reads the fields, also of a line quoted in another log.
func readLine(text string) logLine {
	line := logLine{}
	for _, text := range []string{text, unescaped(text)} {
		for _, m := range logField.FindAllStringSubmatch(text, -1) {
			value := m[2]
			if unquoted, err := strconv.Unquote(value); err == nil {
				value = unquoted
			}
			if _, again := line[m[1]]; !again {
				line[m[1]] = value
			}
		}
	}
	return line
}

// method returns the method of the line, or nothing.
func (l logLine) method() string {
	if method := "/" + l["grpc.service"] + "/" + l["grpc.method"]; CheckMethod(method) == nil {
		return method
	}
	return ""
}

// code returns the status of a line with a field for the code.
func (l logLine) code() (found, bool) {
	code, ok := codeNamed(l["grpc.code"])
	f := found{status: status.New(code, l["retry.message"])}
	if l["retry.message"] == "" {
		f.unread = []string{"the message and the details of the status: the line has its code alone"}
	}
	return f, ok
}

// decision returns the decision of the interceptor from a line of our own log: the
// interceptor knew more than the line. ok is false for any other line.
func (l logLine) decision() (p pasted, ok bool) {
	code, ok := codeNamed(l["grpc.code"])
	class, known := className(l["retry.class"])
	if !ok || !known || l["retry.rule"] == "" {
		return pasted{}, false
	}
	p = pasted{refused: l["retry.why"] == policy.NotRepeatable.String(), status: status.New(code, l["retry.message"])}
	p.own = []codes.Rule{{Name: l["retry.rule"], Class: class, MayHaveRun: p.refused}}
	if _, ok := l["retry.message"]; !ok {
		p.unread = append(p.unread, "the message of the status: interceptor.WithMessages logs it")
	}
	var details []protoadapt.MessageV1
	if l["retry.reason"] != "" {
		details = append(details, &errdetails.ErrorInfo{Reason: l["retry.reason"], Domain: l["retry.domain"]})
	}
	if l["retry.quota"] != "" {
		details = append(details, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: l["retry.quota"]}}})
	}
	if wait, err := time.ParseDuration(l["retry.wait"]); err == nil && l["retry.why"] == policy.Hint.String() && p.failure().Delay == 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(wait)})
		p.unread = append(p.unread, "the delay that the server asked for: taken for it is the wait, which was longer")
	}
	if detailed, err := p.status.WithDetails(details...); err == nil && len(details) > 0 {
		p.status = detailed
	}
	switch l["retry.reach"] {
	case codes.Unsent.String():
		p.evidence = codes.Evidence{Watched: true}
	case codes.Answered.String():
		p.evidence = answered(nil)
	default:
		p.evidence = codes.Evidence{Watched: true, Stream: true}
	}
	p.assumed = "the line says so"
	return p, true
}

// className returns the class of a name.
func className(name string) (codes.Class, bool) {
	for class := codes.None + 1; class < codes.NumClasses; class++ {
		if class.String() == name {
			return class, true
		}
	}
	return codes.None, false
}
