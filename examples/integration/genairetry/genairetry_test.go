package genairetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"google.golang.org/genai"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/integration/genairetry"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// answers is a Gemini API over HTTP that gives one answer after the other, and then
// good ones.
type answers struct {
	bodies []string // of errors; the HTTP status is their code
	calls  int
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if a.calls++; a.calls <= len(a.bodies) {
		body := a.bodies[a.calls-1]
		var e struct{ Error struct{ Code int } }
		if json.Unmarshal([]byte(body), &e) != nil || e.Error.Code == 0 {
			e.Error.Code = http.StatusBadGateway
		}
		w.WriteHeader(e.Error.Code)
		_, _ = w.Write([]byte(body))
		return
	}
	const good = `{"candidates": [{"content": {"role": "model", "parts": [{"text": "Rayleigh scattering."}]}, "finishReason": "STOP"}]}`
	if r.URL.Query().Get("alt") == "sse" {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: %s\n\ndata: %s\n\n", good, good)
		return
	}
	_, _ = w.Write([]byte(good))
}

// newClient returns the client for a server of these answers.
func newClient(handler http.Handler) (*genai.Client, func()) {
	server := httptest.NewServer(handler)
	client, err := genai.NewClient(context.Background(), &genai.ClientConfig{
		APIKey: "none", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: server.URL},
	})
	if err != nil {
		panic(err)
	}
	return client, server.Close
}

const (
	model     = "gemini-2.5-flash"
	perMinute = `{"error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED", "details": [
		{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.2s"}]}}`
	overloaded = `{"error": {"code": 503, "message": "The model is overloaded. Please try again later.", "status": "UNAVAILABLE"}}`
	wrongKey   = `{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": [
		{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}}`
)

// quick is the default table with delays of milliseconds, and tells how calls end.
func quick() *interceptor.Retrier {
	t := policy.Default()
	for class := range t {
		t[class].Base, t[class].Max = t[class].Base/1000, t[class].Max/1000
	}
	return interceptor.New(interceptor.WithTable(t), interceptor.WithRules(genairetry.Rules()...), interceptor.WithoutGate(),
		interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
			if e.Outcome == interceptor.Pending && e.Err != nil {
				fmt.Println("attempt", e.Attempt, e.Failure.Class, e.Failure.Rule, e.Decision.Why)
			} else if e.Outcome != interceptor.Pending {
				fmt.Println(e.Method, e.Outcome)
			}
		}))
}

// A call over REST, retried by the rules for gRPC.
func Example() {
	client, stop := newClient(&answers{bodies: []string{perMinute, overloaded}})
	defer stop()
	r := quick()

	var reply *genai.GenerateContentResponse
	err := r.Do(context.Background(), "generate", func(ctx context.Context) (err error) {
		reply, err = client.Models.GenerateContent(ctx, model, genai.Text("Why is the sky blue?"), nil)
		return genairetry.Error(ctx, err)
	})
	fmt.Println(reply.Text(), err)

	client, stop = newClient(&answers{bodies: []string{wrongKey}})
	defer stop()
	err = r.Do(context.Background(), "generate", func(ctx context.Context) error {
		_, err := client.Models.GenerateContent(ctx, model, genai.Text("Why?"), nil)
		return genairetry.Error(ctx, err)
	})
	api, ok := errors.AsType[genai.APIError](err)
	fmt.Println(api.Code, api.Message, ok)
	// Output:
	// attempt 1 Quota quota-hint hint
	// attempt 2 Server overloaded backoff
	// generate recovered
	// Rayleigh scattering. <nil>
	// attempt 1 Auth access-denied never-retried
	// generate not-retried
	// 400 API key not valid. true
}

// A stream that is retried until its first chunk: what follows is shown as it
// arrives, and a failure after it is the caller's.
func ExampleError_stream() {
	client, stop := newClient(&answers{bodies: []string{overloaded}})
	defer stop()
	ctx := context.Background()
	var late error // than the first chunk
	err := quick().Do(ctx, "stream", func(ctx context.Context) error {
		shown := false
		for chunk, err := range client.Models.GenerateContentStream(ctx, model, genai.Text("Why is the sky blue?"), nil) {
			switch {
			case err != nil && shown:
				late = err
				return nil
			case err != nil:
				return genairetry.Error(ctx, err)
			}
			shown = true
			fmt.Println(chunk.Text())
		}
		return nil
	})
	fmt.Println(err, late)
	// Output:
	// attempt 1 Server overloaded backoff
	// Rayleigh scattering.
	// Rayleigh scattering.
	// stream recovered
	// <nil> <nil>
}

// TestError_asOverGRPC: the errors of the corpus get the same class, delay and rule
// over REST.
func TestError_asOverGRPC(t *testing.T) {
	data, err := os.ReadFile("../../../codes/testdata/gemini-errors.json")
	if err != nil {
		t.Fatal(err)
	}
	var corpus []struct {
		Name, Code, Message, Origin string
		Details                     []json.RawMessage
	}
	if err := json.Unmarshal(data, &corpus); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, s := range corpus {
		if s.Origin != "server" {
			continue
		}
		tried++
		var code grpccodes.Code
		if err := code.UnmarshalJSON([]byte(`"` + s.Code + `"`)); err != nil {
			t.Fatal(err)
		}
		over := &spb.Status{Code: int32(code), Message: s.Message}
		for _, raw := range s.Details {
			detail := &anypb.Any{}
			if err := protojson.Unmarshal(raw, detail); err != nil {
				t.Fatal(err)
			}
			over.Details = append(over.Details, detail)
		}
		want := codes.Classify(status.ErrorProto(over), codes.Evidence{})

		body, err := json.Marshal(map[string]any{"error": map[string]any{"code": httpStatus(code), "status": s.Code, "message": s.Message, "details": s.Details}})
		if err != nil {
			t.Fatal(err)
		}
		client, stop := newClient(&answers{bodies: []string{string(body)}})
		_, err = client.Models.GenerateContent(t.Context(), model, genai.Text("x"), nil)
		stop()
		got := codes.Classify(genairetry.Error(t.Context(), err), codes.Evidence{}, genairetry.Rules()...)
		if got.Class != want.Class || got.Delay != want.Delay || got.Rule != want.Rule || got.Reason != want.Reason {
			t.Errorf("%s: %v (%s, %v) over REST, %v (%s, %v) over gRPC", s.Name, got.Class, got.Rule, got.Delay, want.Class, want.Rule, want.Delay)
		}
	}
	if tried < 20 {
		t.Errorf("%d errors were tried, want 20 and more", tried)
	}
}

// httpStatus is what google.rpc.Code maps a code to.
func httpStatus(code grpccodes.Code) int {
	for _, s := range []int{400, 401, 403, 404, 409, 429, 499, 500, 501, 503, 504} {
		if codes.HTTPCode(s) == code {
			return s
		}
	}
	return http.StatusBadRequest
}

// TestError_ofTheTransport: what the network does is Network, a timeout of the HTTP
// client Timeout, and what the caller does is his own.
func TestError_ofTheTransport(t *testing.T) {
	call := func(ctx context.Context, client *genai.Client) codes.Failure {
		_, err := client.Models.GenerateContent(ctx, model, genai.Text("x"), nil)
		return codes.Classify(genairetry.Error(ctx, err), codes.Evidence{Caller: ctx.Err()}, genairetry.Rules()...)
	}
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not look whether the client is there
		<-r.Context().Done()
	})

	refused, stop := newClient(hang)
	stop()
	if got := call(t.Context(), refused); got.Class != codes.Network || got.Rule != "rest-transport" {
		t.Errorf("a refused connection is %+v", got)
	}
	cut, stop := newClient(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}))
	defer stop()
	if got := call(t.Context(), cut); got.Class != codes.Network {
		t.Errorf("a connection that was cut is %+v", got)
	}
	silent, stop := newClient(hang)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := call(ctx, silent); got.Class != codes.Ended {
		t.Errorf("a deadline of the caller is %+v", got)
	}
	if _, err := silent.Models.GenerateContent(ctx, model, genai.Text("x"), nil); genairetry.Error(ctx, err) != err { //nolint:errorlint // the same error
		t.Errorf("%v was changed, though the caller has brought it about", err)
	}
	server := httptest.NewServer(hang)
	defer server.Close()
	impatient, err := genai.NewClient(t.Context(), &genai.ClientConfig{
		APIKey: "none", Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: server.URL},
		HTTPClient: &http.Client{Timeout: 50 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := call(t.Context(), impatient); got.Class != codes.Timeout {
		t.Errorf("a timeout of the HTTP client is %+v", got)
	}
	page, stop := newClient(&answers{bodies: []string{"<html>Bad Gateway</html>"}})
	defer stop()
	if got := call(t.Context(), page); got.Class != codes.Server || got.Code != grpccodes.Unavailable {
		t.Errorf("a page of a proxy is %+v", got)
	}
	for _, err := range []error{nil, errors.New("mine")} {
		if got := genairetry.Error(t.Context(), err); got != err { //nolint:errorlint // the same error
			t.Errorf("%v has become %v", err, got)
		}
	}
}
