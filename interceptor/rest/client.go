package rest

import (
	"net/http"

	"github.com/reinvoke/reinvoke/interceptor"
)

// Client returns an http.Client with [Transport] over http.DefaultTransport. auth adds the
// credentials to the copy of a request before each attempt, and a retry gets a fresh
// token; nil for none, as with an API key. auth may block until the end of the request's
// context, and must be safe for concurrent use. With a golang.org/x/oauth2 TokenSource:
//
//	rest.Client(r, func(req *http.Request) error {
//		token, err := source.Token()
//		if err == nil {
//			token.SetAuthHeader(req)
//		}
//		return err
//	})
//
// An error of auth is classified as over gRPC: Network, unless the token endpoint refused.
//
// google.golang.org/genai fetches no credentials for a given HTTPClient, and wraps
// credentials given beside it around the client, where a retry repeats the old token.
func Client(r *interceptor.Retrier, auth func(req *http.Request) error) *http.Client {
	base := http.DefaultTransport
	if auth != nil {
		base = &authorized{auth, base}
	}
	return &http.Client{Transport: Transport(r, base)}
}

// authorized adds the credentials to every request.
type authorized struct {
	auth func(*http.Request) error
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (a *authorized) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	if err := a.auth(out); err != nil {
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return nil, &authError{err}
	}
	resp, err := a.base.RoundTrip(out)
	if err != nil && malformed(out) {
		err = &malformedError{err}
	}
	return resp, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach base.
func (a *authorized) CloseIdleConnections() { closeIdle(a.base) }

// credentialsFailed is grpc-go's text for missing credentials. Package codes reads the rest
// of such a text for the cause.
const credentialsFailed = "transport: per-RPC creds failed due to error: " //nolint:gosec // a text, and no credentials

// authError is the error of auth: nothing was sent.
type authError struct{ error }

// Unwrap returns the error of auth.
func (e *authError) Unwrap() error { return e.error }

// remedy returns advice about credentials added outside of the retries.
func remedy(req *http.Request) string {
	if req.Header.Get("Authorization") == "" {
		return ""
	}
	return "the credentials of this request were added outside of the retries, which repeat them as they are: rest.Client adds them to each attempt"
}
