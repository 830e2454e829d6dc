// Package reports reads the public reports of failures in codes/testdata/reports,
// for the tests of every package that has to treat them right. It is linked into
// tests only.
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

// Report is one failure that somebody has reported in public, and what is right
// for it.
type Report struct {
	Name, Source, Why string

	// Code, Message and Details are the status; Code is empty where the report is
	// of something else, which Evidence then names.
	Code, Message string
	Details       []json.RawMessage
	// Trailer is what the server sent beside the status.
	Trailer map[string]string
	// Evidence is prose: who made the failure, and how far the call had got.
	Evidence string
	// Method is the full name of the method, if the report has it; Repeatable says
	// that it may run twice.
	Method     string
	Repeatable bool
	// Target is what the connection was made to, where that is the failure.
	Target string

	Want Want
	// WantRetryAfter is a duration in Go's syntax, or empty.
	WantRetryAfter string
}

// Want is what is right for a report. An empty field says nothing.
type Want struct{ Action, Class, Wait, Text string }

// Read returns the reports in the folder, by name.
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

// Kind is the part of a program that a report is about.
type Kind uint8

// The kinds.
const (
	// Status: the failure of an attempt.
	Status Kind = iota
	// Call: the course of a whole call.
	Call
	// Pasted: a text that is pasted into -explain.
	Pasted
	// ServiceConfig: a gRPC service config.
	ServiceConfig
)

// Kind returns what the report is about.
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

// Err returns the error that the caller was given.
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

// Left returns what the attempt left behind, as an interceptor finds it: a trailer
// with a content-type where the server sent the status, an empty one where a stream
// was there and broke, none where there never was one.
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
