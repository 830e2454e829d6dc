package explain

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// mostObjects is how many objects in a text are tried.
const mostObjects = 50

// jsonError reads the JSON of a REST API's error (AIP-193) or of a google.rpc.Status in a
// text. The message of some clients is the whole answer once more.
func jsonError(text string) (found, bool) {
	begin := 0
	for range mostObjects {
		i := strings.IndexByte(text[begin:], '{')
		if i < 0 {
			break
		}
		begin += i
		var object json.RawMessage
		if json.NewDecoder(strings.NewReader(text[begin:])).Decode(&object) == nil && !isLogLine(object) {
			if f, ok := bodyOf(object); ok {
				f.at = begin
				return f, true
			}
		}
		begin++
	}
	return found{}, false
}

// bodyOf returns the status of the JSON of an error.
func bodyOf(object json.RawMessage) (found, bool) {
	st, err := codes.FromJSON(object)
	if err != nil {
		return found{}, false
	}
	if inner := strings.TrimSpace(st.Message()); strings.HasPrefix(inner, "{") && json.Valid([]byte(inner)) {
		if f, ok := bodyOf(json.RawMessage(inner)); ok {
			return f, true
		}
	}
	f := found{status: st, http: true}
	var outer struct {
		Error   json.RawMessage   `json:"error"`
		Details []json.RawMessage `json:"details"`
	}
	_ = json.Unmarshal(object, &outer) // FromJSON has read the object
	if len(outer.Error) > 0 {
		_ = json.Unmarshal(outer.Error, &outer)
	} else {
		f.http = false // a google.rpc.Status, in the JSON of any client
	}
	f.unread = unreadDetails(outer.Details, st)
	return f, true
}

// unreadDetails names the details missing in the status: details of unknown types, or
// with unknown fields.
func unreadDetails(details []json.RawMessage, st *status.Status) (names []string) {
	left := map[string]int{}
	for _, detail := range st.Proto().GetDetails() {
		left[detail.GetTypeUrl()]++
	}
	for _, raw := range details {
		var typed struct {
			Type string `json:"@type"`
		}
		_ = json.Unmarshal(raw, &typed)
		if left[typed.Type]--; left[typed.Type] < 0 {
			names = append(names, fmt.Sprintf("a detail of the type %q", typed.Type))
		}
	}
	return names
}

// isLogLine reports whether an object is a line of a log. Such lines may have a code of
// their own.
func isLogLine(object json.RawMessage) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(object, &fields) != nil {
		return false
	}
	for _, name := range []string{"level", "severity", "lvl", "time", "ts", "timestamp", "msg"} {
		if _, ok := fields[name]; ok {
			return true
		}
	}
	return false
}

// fromParts returns the status from the parts in a REST client's text; details are as in JSON.
func fromParts(code grpccodes.Code, message string, details []json.RawMessage) found {
	body, err := json.Marshal(map[string]any{"code": int(code), "message": message, "details": details})
	if err == nil {
		if st, err := codes.FromJSON(body); err == nil {
			return found{status: st, http: true, unread: unreadDetails(details, st)}
		}
	}
	return found{status: status.New(code, message), http: true}
}

// asJSON makes each of some values JSON.
func asJSON(values []any) (all []json.RawMessage) {
	for _, v := range values {
		if data, err := json.Marshal(v); err == nil {
			all = append(all, data)
		}
	}
	return all
}

// jsonObjects returns the objects of JSON in a text.
func jsonObjects(text string) (all []json.RawMessage) {
	for range mostObjects {
		i := strings.IndexByte(text, '{')
		if i < 0 {
			break
		}
		decoder := json.NewDecoder(strings.NewReader(text[i:]))
		var object json.RawMessage
		if decoder.Decode(&object) != nil {
			break
		}
		all = append(all, bytes.TrimSpace(object))
		text = text[i+int(decoder.InputOffset()):]
	}
	return all
}

// grpcurl is the form of an error of grpcurl v1.9: ERROR:, then lines.
var grpcurl = regexp.MustCompile(`(?s)ERROR:\s+Code: (\w+)\s+Message: (.*?)(?:\n\s*Details:\s*(.*))?$`)

// grpcurlError reads the error, with details in JSON.
func grpcurlError(text string) (found, bool) {
	m := grpcurl.FindStringSubmatchIndex(text)
	if m == nil {
		return found{}, false
	}
	code, ok := codeNamed(text[m[2]:m[3]])
	if !ok {
		return found{}, false
	}
	var details []json.RawMessage
	if m[6] >= 0 {
		details = jsonObjects(text[m[6]:m[7]])
	}
	f := fromParts(code, strings.TrimSpace(text[m[4]:m[5]]), details)
	f.at, f.http = m[0], false
	return f, true
}
