package explain

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/protoadapt"

	"github.com/reinvoke/reinvoke/codes"
)

// pythonTexts are how grpcio prints an RpcError: 1.71.0 (_channel.py, aio/_call.py), and
// before 1.16.
var pythonTexts = []*regexp.Regexp{
	regexp.MustCompile(`(?s)<\w+ of RPC that terminated with:?\s+status = StatusCode\.(?P<code>\w+)\s+details = "(?P<text>.*?)"\s*(?:debug_error_string|>|$)`),
	regexp.MustCompile(`(?s)<_Rendezvous of RPC that terminated with \(StatusCode\.(?P<code>\w+), (?P<text>.*?)\)>`),
}

// apiCore is how google-api-core 2.24.1 prints a GoogleAPICallError (exceptions.py): the
// code of HTTP, the message, and the list of details in the text format of protobuf.
var apiCore = regexp.MustCompile(`(?s)google\.api_core\.exceptions\.\w+: (\d{3}) (.*)`)

// apiCoreDetails begins the list of details.
var apiCoreDetails = regexp.MustCompile(`(?s)^(.*?) \[((?:violations|links|retry_delay|reason|metadata|domain|field_violations|request_id|resource_type|locale|stack_entries|detail)\b.*?)\n\]`)

// apiCoreError reads the error, with or without the name of the exception before.
func apiCoreError(text string) (found, bool) {
	begin, number, rest := 0, "", ""
	if m := apiCore.FindStringSubmatchIndex(text); m != nil {
		begin, number, rest = m[0], text[m[2]:m[3]], text[m[4]:m[5]]
		if cause := pythonTexts[0].FindStringIndex(text); cause != nil && cause[0] < begin {
			begin = cause[0] // Python prints the cause first, without details
		}
	} else if len(text) > 4 && text[3] == ' ' {
		number, rest = text[:3], text[4:]
	}
	m := apiCoreDetails.FindStringSubmatch(rest)
	n, err := strconv.Atoi(number)
	if err != nil {
		return found{}, false
	}
	if m == nil {
		if begin == 0 && !strings.HasPrefix(text, "google.") {
			return found{}, false // no more than a status of HTTP
		}
		return answer(begin, n, rest)
	}
	f := found{at: begin, status: status.New(codes.HTTPCode(n), m[1]), http: true}
	var details []protoadapt.MessageV1
	for _, text := range strings.Split(m[2], "\n, ") {
		if detail := protoDetail(text); detail != nil {
			details = append(details, detail)
		} else {
			f.unread = append(f.unread, "a detail that begins with "+strconv.Quote(firstWord(text)))
		}
	}
	if detailed, err := f.status.WithDetails(details...); err == nil && len(details) > 0 {
		f.status = detailed
	}
	return f, n >= 400 && n < 600
}

// protoDetail reads a detail in the text format, or returns nil. The format does not name
// the type: the fields do.
func protoDetail(text string) protoadapt.MessageV1 {
	for _, m := range []protoadapt.MessageV2{
		&errdetails.RetryInfo{}, &errdetails.ErrorInfo{}, &errdetails.QuotaFailure{}, &errdetails.Help{}, &errdetails.BadRequest{},
		&errdetails.PreconditionFailure{}, &errdetails.RequestInfo{}, &errdetails.ResourceInfo{}, &errdetails.LocalizedMessage{}, &errdetails.DebugInfo{},
	} {
		if prototext.Unmarshal([]byte(text), m) == nil {
			return protoadapt.MessageV1Of(m)
		}
	}
	return nil
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return word
}

// genaiPython is how google-genai 1.x prints an APIError (errors.py): the code of HTTP,
// the status, and the answer as a Python dict.
var genaiPython = regexp.MustCompile(`\b(\d{3}) ([\w ]+)\. \{`)

// dictError reads the error of a REST API as a Python dict, with the status in front
// from google-genai.
func dictError(text string) (found, bool) {
	begin := strings.Index(text, "{'")
	if begin < 0 {
		return found{}, false
	}
	object := pythonJSON(text[begin:])
	if m := genaiPython.FindStringSubmatchIndex(text); m != nil && m[1]-1 == begin {
		number, _ := strconv.Atoi(text[m[2]:m[3]]) // three digits
		if f, ok := bodyOf(object); ok {
			f.at, f.http = m[0], true
			return f, true
		}
		var plain struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(object, &plain) == nil {
			return answer(m[0], number, plain.Message)
		}
		f, ok := answer(m[0], number, strings.TrimSpace(text[m[4]:m[5]]))
		f.unread = append(f.unread, "the answer behind the status: the text is cut, or no dict")
		return f, ok
	}
	f, ok := bodyOf(object)
	f.at = begin
	return f, ok
}
