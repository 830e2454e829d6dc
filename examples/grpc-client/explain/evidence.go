package explain

import (
	"context"
	"fmt"
	"strings"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// answered is the evidence of an attempt with a status of the peer.
func answered(trailer metadata.MD) codes.Evidence {
	md := metadata.Join(metadata.Pairs("content-type", "application/grpc"), trailer)
	md["content-type"] = md["content-type"][:1]
	return codes.Evidence{Watched: true, Stream: true, Trailer: md}
}

// evidenceOf returns the evidence of an attempt with this status, and the grounds for it.
// A text has no trailer, unless pasted beside the status. Otherwise the status counts as
// the server's, except for the texts of grpc-go itself.
func evidenceOf(f found, trailer metadata.MD) (codes.Evidence, string) {
	switch {
	case len(trailer) > 0:
		return answered(trailer), "the server has sent what was pasted beside it"
	case len(f.status.Proto().GetDetails()) > 0:
		return answered(nil), "the details can only have come from the server"
	case f.http:
		return answered(nil), "it is the answer to an HTTP request"
	}
	if ended := callersOwn(f.status); ended != nil {
		return codes.Evidence{Caller: ended}, "this is the text of the caller's own context, whose time was up or which was cancelled"
	}
	lost := codes.Evidence{Watched: true, Stream: true}
	headed := lost
	headed.Header = metadata.Pairs("content-type", "application/grpc")
	classify := func(st *status.Status, ev codes.Evidence) codes.Failure { return codes.Classify(st.Err(), ev) }
	failure, bare := classify(f.status, lost), classify(status.New(f.status.Code(), ""), lost)
	local := failure.Rule != bare.Rule && failure.Rule != classify(f.status, answered(nil)).Rule
	library := beforeStream(f.status)
	if library == "" && local && failure.Reach != codes.Unsent && failure.Rule != classify(f.status, headed).Rule {
		library = "grpc-go" // grpc-go writes no such text after the beginning of an answer
	}
	switch {
	case library != "":
		return codes.Evidence{Watched: true}, library + " writes this text before there is a stream"
	case strings.HasPrefix(f.status.Message(), notGRPC):
		return lost, "grpc-go writes this text of an answer that is not gRPC's"
	case local && failure.Reach == codes.Unsent:
		return lost, "grpc-go writes this text of requests that were not processed"
	case local && failure.Class == codes.Ended:
		return lost, "the caller has closed the connection"
	case local:
		return lost, "grpc-go wrote this text itself; whether the request was sent is not known"
	}
	return answered(nil), "assumed; grpc-go writes no such text itself"
}

// assumeStart assumes the first minute of a program, where the class depends on the
// minute: a text does not tell the age of the program.
func (p *pasted) assumeStart() {
	later := p.failure().Class
	p.evidence.Starting = true
	if p.failure().Class != later {
		p.assumed += fmt.Sprintf("; within the first minute of a program, and after it of class %v", later)
	}
}

// noConnection has the beginnings of texts about a failed connection, written before
// there is a stream, each with the library.
var noConnection = map[string]string{
	`connection error: desc = "`: "grpc-go", "last connection error: ": "grpc-go", // picker_wrapper.go, balancer/base
	"name resolver error: ": "grpc-go", "last resolver error: ": "grpc-go", // balancer/pickfirst
	"failed to connect to all addresses": "gRPC core", "DNS resolution failed": "gRPC core", // grpcio 1.71.0
	"No connection established": "grpc-js", "Name resolution failed for target ": "grpc-js", // 1.x
}

// notGRPC begins the text of grpc-go about an answer by HTTP, of a proxy or a web server
// (internal/transport/http_util.go).
const notGRPC = "unexpected HTTP status code received from server: "

// beforeStream returns the library with a text from before the stream, or nothing.
func beforeStream(st *status.Status) string {
	if st.Code() != grpccodes.Unavailable {
		return ""
	}
	for begin, library := range noConnection {
		if strings.HasPrefix(st.Message(), begin) {
			return library
		}
	}
	return ""
}

// callersOwn returns the error of the caller's context if the status is of that error:
// grpc-go makes a status of the end of the caller's context.
func callersOwn(st *status.Status) error {
	switch {
	case st.Code() == grpccodes.DeadlineExceeded && strings.HasSuffix(st.Message(), context.DeadlineExceeded.Error()):
		return context.DeadlineExceeded
	case st.Code() == grpccodes.Canceled && strings.HasSuffix(st.Message(), context.Canceled.Error()):
		return context.Canceled
	}
	return nil
}
