package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	rpccode "google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// StartREST starts the REST form of the server on another free loopback port, and returns
// the URL and a function to stop it.
func (s *Server) StartREST(ctx context.Context) (url string, stop func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("embedded server: %w", err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(s.serveREST), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(l) }() // until stop
	return "http://" + l.Addr().String(), func() { _ = srv.Close() }, nil
}

// serveREST answers /v1beta/models/M:generateContent, and :streamGenerateContent with
// server-sent events.
func (s *Server) serveREST(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	resource, verb, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1beta/"), ":")
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	req := &pb.GenerateContentRequest{}
	if err == nil {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, req)
	}
	if err != nil {
		refuse(w, status.Error(grpccodes.InvalidArgument, "a request that is no JSON"))
		return
	}
	req.Model = resource
	ctx := metadata.NewIncomingContext(r.Context(), metadata.Pairs("authorization", r.Header.Get("Authorization")))
	switch verb {
	case "generateContent":
		resp, err := s.GenerateContent(ctx, req)
		if err != nil {
			refuse(w, err)
			return
		}
		write(w, resp)
	case "streamGenerateContent":
		if r.URL.Query().Get("alt") != "sse" {
			refuse(w, status.Error(grpccodes.Unimplemented, "a stream as a list: want alt=sse"))
			return
		}
		out := &restStream{ctx: ctx, w: w}
		if err := s.StreamGenerateContent(req, out); err != nil { //nolint:contextcheck // the stream has the context
			out.fail(err)
		}
	default:
		refuse(w, status.Errorf(grpccodes.Unimplemented, "%q: want generateContent or streamGenerateContent", verb))
	}
}

// restStream is a stream whose messages are server-sent events.
type restStream struct {
	grpc.ServerStream
	ctx   context.Context
	w     http.ResponseWriter
	begun bool
}

// Context implements grpc.ServerStream.
func (s *restStream) Context() context.Context { return s.ctx }

// Send sends a message.
func (s *restStream) Send(m *pb.GenerateContentResponse) error {
	s.begun = true
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.event(func() { write(s.w, m) })
	return nil
}

// fail ends the stream with an error: the answer, or the last event.
func (s *restStream) fail(err error) {
	if !s.begun {
		refuse(s.w, err)
		return
	}
	s.event(func() { writeError(s.w, err) })
}

// event sends what data writes as an event.
func (s *restStream) event(data func()) {
	_, _ = io.WriteString(s.w, "data: ")
	data()
	_, _ = io.WriteString(s.w, "\r\n\r\n")
	if f, ok := s.w.(http.Flusher); ok {
		f.Flush()
	}
}

// write writes a message as JSON.
func write(w io.Writer, m proto.Message) {
	text, err := protojson.Marshal(m)
	if err == nil {
		_, _ = w.Write(text)
	}
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, err error) {
	w.WriteHeader(httpStatus(status.Code(err)))
	writeError(w, err)
}

// writeError writes an error in the form of Google's APIs.
func writeError(w io.Writer, err error) {
	st := status.Convert(err)
	var details []json.RawMessage
	for _, d := range st.Proto().GetDetails() {
		if text, err := protojson.Marshal(d); err == nil {
			details = append(details, text)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{
		"code": httpStatus(st.Code()), "message": st.Message(), "status": rpccode.Code(st.Proto().GetCode()).String(), "details": details,
	}})
}

// httpStatus is the HTTP status of a code, by google/rpc/code.proto.
func httpStatus(code grpccodes.Code) int {
	switch code {
	case grpccodes.InvalidArgument, grpccodes.FailedPrecondition, grpccodes.OutOfRange:
		return http.StatusBadRequest
	case grpccodes.Unauthenticated:
		return http.StatusUnauthorized
	case grpccodes.PermissionDenied:
		return http.StatusForbidden
	case grpccodes.NotFound:
		return http.StatusNotFound
	case grpccodes.Aborted, grpccodes.AlreadyExists:
		return http.StatusConflict
	case grpccodes.ResourceExhausted:
		return http.StatusTooManyRequests
	case grpccodes.Unimplemented:
		return http.StatusNotImplemented
	case grpccodes.Unavailable:
		return http.StatusServiceUnavailable
	case grpccodes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}
