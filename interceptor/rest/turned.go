package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/reinvoke/reinvoke/interceptor"
)

// instead returns the result of a call without a response: the error, or, if gate or breaker
// let nothing be sent, a response with the reason.
func instead(req *http.Request, final error, sent bool) (*http.Response, error) {
	if only, ok := final.(*lost); ok { //nolint:errorlint // the error of a single attempt is untouched
		return nil, only.error
	}
	if !sent && !endedByCaller(req.Context(), final) {
		return unsent(req, final), nil
	}
	return nil, &transportError{final}
}

// endedByCaller reports whether the end of the caller's context ended the call.
func endedByCaller(ctx context.Context, final error) bool {
	return ctx.Err() != nil && errors.Is(final, ctx.Err())
}

// transportError is an error after retries. http.Client asks for Timeout.
type transportError struct{ error }

// Unwrap returns the *interceptor.Error.
func (e *transportError) Unwrap() error { return e.error }

// Timeout reports whether the last attempt, or the caller, ran out of time.
func (e *transportError) Timeout() bool {
	if last, ok := errors.AsType[net.Error](e.error); ok {
		return last.Timeout()
	}
	if errors.Is(e.error, context.DeadlineExceeded) {
		return true
	}
	return !errors.Is(e.error, context.Canceled) && status.Code(e.error) == grpccodes.DeadlineExceeded // of an attempt timeout
}

// unsent returns the response for an unsent call.
func unsent(req *http.Request, final error) *http.Response {
	st, _ := status.FromError(final)
	code := http.StatusServiceUnavailable
	if st.Code() == grpccodes.ResourceExhausted {
		code = http.StatusTooManyRequests
	}
	var details []json.RawMessage
	for _, detail := range st.Proto().GetDetails() {
		if text, err := protojson.Marshal(detail); err == nil {
			details = append(details, text)
		}
	}
	type inner struct {
		Code    int               `json:"code"`
		Message string            `json:"message"`
		Status  string            `json:"status"`
		Details []json.RawMessage `json:"details,omitempty"`
	}
	body, _ := json.Marshal(map[string]inner{"error": {code, st.Message(), upper(st.Code()), details}}) // never fails
	resp := &http.Response{
		Status: strconv.Itoa(code) + " " + http.StatusText(code), StatusCode: code,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header:        http.Header{"Content-Type": {"application/json; charset=UTF-8"}},
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}
	if after, ok := interceptor.RetryAfter(final); ok {
		resp.Header.Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
	return resp
}

// upper returns the name of a code in the spelling of JSON, such as RESOURCE_EXHAUSTED.
func upper(code grpccodes.Code) string {
	if code == grpccodes.Canceled {
		return "CANCELLED"
	}
	var b strings.Builder
	for i, r := range code.String() {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}
