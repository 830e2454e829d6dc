package explain

import (
	"regexp"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"
)

// The lines behind a message, as package apierror of gax-go v2.27.0 prints details.
var (
	printedRetry = regexp.MustCompile(`error details: retry in (\S+)`)
	printedInfo  = regexp.MustCompile(`error details: name = ErrorInfo reason = (\S+) domain = (\S+)(?: metadata = (map\[.*\]))?`)
	printedQuota = regexp.MustCompile(`error details: name = QuotaFailure subj = (.*) desc = (.*)`)
)

// printedDetails returns the message before those lines, and their details.
func printedDetails(message string) (before string, details []protoadapt.MessageV1) {
	before, lines, ok := strings.Cut(message, "error details: ")
	if !ok {
		return message, nil
	}
	lines = "error details: " + lines
	if m := printedRetry.FindStringSubmatch(lines); m != nil {
		if d, err := time.ParseDuration(m[1]); err == nil {
			details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(d)})
		}
	}
	if m := printedInfo.FindStringSubmatch(lines); m != nil {
		details = append(details, &errdetails.ErrorInfo{Reason: m[1], Domain: m[2], Metadata: goStrings(m[3])})
	}
	if m := printedQuota.FindStringSubmatch(lines); m != nil {
		details = append(details, &errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{Subject: m[1], Description: m[2]}}})
	}
	return strings.TrimSpace(before), details
}

// goStrings reads a map of strings in the form of package fmt.
func goStrings(text string) map[string]string {
	value, _ := goValue(text)
	entries, ok := value.(map[string]any)
	if !ok {
		return nil
	}
	all := map[string]string{}
	for name, value := range entries {
		if s, ok := value.(string); ok {
			all[name] = s
		}
	}
	return all
}
