package genairest_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"
	"google.golang.org/genai"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/rest"
)

// tokens gives another token each time, or fails the first times.
type tokens struct {
	fails int
	err   error

	mu sync.Mutex
	n  int
}

// Token implements oauth2.TokenSource.
func (s *tokens) Token() (*oauth2.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n++; s.n <= s.fails {
		return nil, s.err
	}
	return &oauth2.Token{AccessToken: fmt.Sprint("token-", s.n)}, nil
}

// set adds a token to a request.
func (s *tokens) set(req *http.Request) error {
	token, err := s.Token()
	if err == nil {
		token.SetAuthHeader(req)
	}
	return err
}

// TestAuth_bothSides: with the credentials inside, a retry after an expired token gets a
// new one; outside, it repeats the old, which is warned of once.
func TestAuth_bothSides(t *testing.T) {
	for name, tt := range map[string]struct {
		client func(r *interceptor.Retrier, s *tokens) *http.Client
		sent   []string
		warned int
	}{
		"rest.Client": {func(r *interceptor.Retrier, s *tokens) *http.Client { return rest.Client(r, s.set) }, []string{"Bearer token-1", "Bearer token-2"}, 0},
		"oauth2 inside": {func(r *interceptor.Retrier, s *tokens) *http.Client {
			return &http.Client{Transport: rest.Transport(r, &oauth2.Transport{Source: s})}
		}, []string{"Bearer token-1", "Bearer token-2"}, 0},
		"oauth2 outside": {func(r *interceptor.Retrier, s *tokens) *http.Client {
			return &http.Client{Transport: &oauth2.Transport{Source: s, Base: rest.Transport(r, nil)}}
		}, []string{"Bearer token-1", "Bearer token-1"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			r := retrier(interceptor.WithSlog(slog.New(slog.NewTextHandler(&log, nil))))
			g := &gemini{bodies: []string{expired, "", expired}}
			client, err := genai.NewClient(t.Context(), configs(serve(t, g), tt.client(r, &tokens{}))["Vertex"])
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second refused call is not warned of
				if _, err := client.Models.GenerateContent(t.Context(), model, genai.Text("Why?"), nil); err != nil {
					t.Error(err)
				}
			}
			var sent []string
			g.mu.Lock()
			defer g.mu.Unlock()
			for _, h := range g.headers {
				sent = append(sent, h.Get("Authorization"))
			}
			if len(sent) != 4 || !slices.Equal(sent[:2], tt.sent) {
				t.Errorf("sent %q, want %q", sent, tt.sent)
			}
			if n := strings.Count(log.String(), "outside of the retries"); n != tt.warned {
				t.Errorf("%d warnings in %s", n, log.String())
			}
		})
	}
}

// TestAuth_failures: a token that cannot be fetched now is fetched again, one that the
// endpoint refuses is not; nothing is sent meanwhile.
func TestAuth_failures(t *testing.T) {
	refused := errors.New(`oauth2: "invalid_grant" "Bad Request"`)
	for name, tt := range map[string]struct {
		err           error
		tokens, calls int
	}{
		"no network":            {errors.New("dial tcp: connection refused"), 3, 1},
		"refused by the issuer": {refused, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			source := &tokens{fails: 2, err: tt.err}
			g := &gemini{}
			client, err := genai.NewClient(t.Context(), configs(serve(t, g), rest.Client(retrier(), source.set))["Vertex"])
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Models.GenerateContent(t.Context(), model, genai.Text("Why?"), nil)
			if source.n != tt.tokens || g.attempts() != tt.calls || (err == nil) != (tt.calls > 0) || (err != nil && !errors.Is(err, refused)) {
				t.Errorf("%v after %d tokens and %d calls, want %d and %d", err, source.n, g.attempts(), tt.tokens, tt.calls)
			}
		})
	}
}
