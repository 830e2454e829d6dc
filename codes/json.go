package codes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
)

// errorObject is the error of a Google API over HTTP (AIP-193). Code is the HTTP
// status or the code of a google.rpc.Status.
type errorObject struct {
	Code    int               `json:"code"`
	Message string            `json:"message"`
	Status  string            `json:"status"`
	Details []json.RawMessage `json:"details"`
}

// FromJSON returns the gRPC status for an error of a Google REST API, so that
// [Classify] finds the same facts as over gRPC. body is the JSON object of the error:
// by itself, as the field "error" of another object, or as the first element of a
// list. The JSON form of a google.rpc.Status works too. The name in "status" takes
// precedence over "code". FromJSON drops details of types that are not linked into
// the program. The error for any other body names the expected form.
func FromJSON(body []byte) (*status.Status, error) {
	body = bytes.TrimSpace(body)
	if bytes.HasPrefix(body, []byte("[")) { // the form of REST streams
		var list []json.RawMessage
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, fmt.Errorf("codes: error in JSON: %w", err)
		}
		if len(list) > 0 {
			body = list[0]
		}
	}
	var outer struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &outer) == nil && bytes.HasPrefix(outer.Error, []byte("{")) {
		body = outer.Error
	}
	var e errorObject
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, fmt.Errorf("codes: error in JSON: %w", err)
	}
	code, ok := e.grpcCode()
	if !ok || code == grpccodes.OK {
		return nil, errors.New(`codes: error in JSON: code 0: want {"error": {"code": ..., "message": ..., "status": ..., "details": [...]}}`)
	}
	st := &spb.Status{Code: int32(code), Message: e.Message} //nolint:gosec // less than 17
	for _, raw := range e.Details {
		detail := &anypb.Any{}
		if protojson.Unmarshal(raw, detail) == nil {
			st.Details = append(st.Details, detail)
		}
	}
	return status.FromProto(st), nil
}

// grpcCode returns the code named in "status", or else the code for the number in
// "code".
func (e *errorObject) grpcCode() (code grpccodes.Code, ok bool) {
	if quoted, err := json.Marshal(e.Status); err == nil && code.UnmarshalJSON(quoted) == nil {
		return code, true
	}
	if e.Code > 0 && e.Code <= int(grpccodes.Unauthenticated) { // a google.rpc.Status: no HTTP status is that small
		return grpccodes.Code(e.Code), true
	}
	return HTTPCode(e.Code), e.Code > 0
}

// HTTPCode returns the gRPC status code for an HTTP status, as documented in
// google.rpc.Code. If several codes map to the HTTP status, HTTPCode returns the more
// common code. An HTTP status outside that list gives INVALID_ARGUMENT from 400 to
// 499, INTERNAL from 500 to 599, and otherwise UNKNOWN.
func HTTPCode(httpStatus int) grpccodes.Code {
	switch httpStatus {
	case http.StatusOK:
		return grpccodes.OK
	case http.StatusUnauthorized:
		return grpccodes.Unauthenticated
	case http.StatusForbidden:
		return grpccodes.PermissionDenied
	case http.StatusNotFound:
		return grpccodes.NotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return grpccodes.DeadlineExceeded
	case http.StatusConflict:
		return grpccodes.Aborted
	case http.StatusTooManyRequests:
		return grpccodes.ResourceExhausted
	case statusClientClosedRequest:
		return grpccodes.Canceled
	case http.StatusNotImplemented:
		return grpccodes.Unimplemented
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return grpccodes.Unavailable
	}
	switch {
	case httpStatus >= 400 && httpStatus < 500:
		return grpccodes.InvalidArgument
	case httpStatus >= 500 && httpStatus < 600:
		return grpccodes.Internal
	}
	return grpccodes.Unknown
}

// statusClientClosedRequest has no name in package http.
const statusClientClosedRequest = 499
