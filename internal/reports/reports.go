// Package reports reads the public failure reports in codes/testdata/reports for the
// tests of other packages. Only tests link the package.
package reports

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/reinvoke/reinvoke/codes"
)

// Report is a failure reported in public, and the right handling of the failure.
type Report struct {
	Name, Source, Why string

	// Code, Message and Details are the status. Code is empty if the report is about
	// something else, named in Evidence.
	Code, Message string
	Details       []json.RawMessage
	// Trailer is the server's trailer beside the status.
	Trailer map[string]string
	// Evidence is prose: the origin of the failure, and how far the call had got.
	Evidence string
	// Method is the full method name, if known. Repeatable says that the method may
	// run twice.
	Method     string
	Repeatable bool
	// Target is the target of the connection, if the target is the failure.
	Target string

	Want Want
	// WantRetryAfter is a duration in Go's syntax, or empty.
	WantRetryAfter string
}

// Want is the right handling of a report. An empty field expects nothing.
type Want struct{ Action, Class, Wait, Text string }

// Read returns the reports in the folder, in the order of the file names.
func Read(folder string) ([]Report, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	all := make([]Report, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file) //nolint:gosec // the folder is the test's
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &all[i]); err != nil {
			return nil, fmt.Errorf("reports: %s: %w", file, err)
		}
	}
	return all, nil
}

// Kind is the part of a program concerned by a report.
type Kind uint8

// The kinds.
const (
	// Status: the failure of an attempt.
	Status Kind = iota
	// Call: the course of a whole call.
	Call
	// Pasted: a text pasted into -explain.
	Pasted
	// ServiceConfig: a gRPC service config.
	ServiceConfig
)

// Kind returns the kind of the report.
func (r *Report) Kind() Kind {
	switch {
	case strings.HasPrefix(r.Evidence, "explain: "):
		return Pasted
	case strings.HasPrefix(r.Evidence, "stream/call: "):
		return Call
	case r.Evidence == "policyfile.FromServiceConfig":
		return ServiceConfig
	}
	return Status
}

// Err returns the caller's error.
func (r *Report) Err() (error, error) {
	var code grpccodes.Code
	if err := code.UnmarshalJSON([]byte(`"` + r.Code + `"`)); err != nil {
		return nil, fmt.Errorf("reports: %s: %w", r.Name, err)
	}
	st := &spb.Status{Code: int32(code), Message: r.Message}
	for _, raw := range r.Details {
		detail := &anypb.Any{}
		if err := protojson.Unmarshal(raw, detail); err != nil {
			return nil, fmt.Errorf("reports: %s: %w", r.Name, err)
		}
		st.Details = append(st.Details, detail)
	}
	return status.FromProto(st).Err(), nil
}

// Left returns the evidence of the attempt as an interceptor finds it: a trailer with
// a content-type if the server sent the status, an empty trailer if a stream broke,
// no trailer if no stream was created.
func (r *Report) Left() (codes.Evidence, error) {
	ev := codes.Evidence{Watched: true}
	switch r.Evidence {
	case "server-sent":
		ev.Stream, ev.Trailer = true, metadata.New(r.Trailer)
		ev.Trailer.Set("content-type", "application/grpc")
	case "local: stream existed, trailer empty", "local: HTTP answer of a proxy, not gRPC":
		ev.Stream, ev.Trailer = true, metadata.MD{}
	case "local: no stream, trailer nil",
		"local: call credentials, WaitForReady(true)",
		"local: no stream; per-RPC credentials returned a gRPC status; first call of the connection; method not repeatable",
		"local: no stream; grpc.NewClient with this target, first call",
		"local: connection closed in the HTTP/2 preface",
		"local: HTTP CONNECT of a forward proxy (HTTPS_PROXY)",
		"local: TLS handshake":
	default:
		return ev, fmt.Errorf("reports: %s: evidence %q: want one that is known", r.Name, r.Evidence)
	}
	return ev, nil
}
