package rest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/rest"
)

// ask asks a model, and prints the answer.
func ask(client *http.Client, server string) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server+"/v1beta/models/m:generateContent", strings.NewReader("{}"))
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(resp.StatusCode, string(body), err)
}

// busyOnce refuses the first call for a moment.
func busyOnce() *httptest.Server {
	calls := 0
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if calls++; calls == 1 {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, strings.Replace(perMinute, "7s", "0.01s", 1))
			return
		}
		if req.Header.Get("Authorization") == "Bearer token" {
			_, _ = io.WriteString(w, "with a token: ")
		}
		_, _ = io.WriteString(w, "an answer")
	}))
}

func ExampleClient() {
	server := busyOnce()
	defer server.Close()
	client := rest.Client(interceptor.New(), func(req *http.Request) error {
		req.Header.Set("Authorization", "Bearer token")
		return nil
	})
	ask(client, server.URL)
	// Output: 200 with a token: an answer <nil>
}

func ExampleTransport() {
	server := busyOnce()
	defer server.Close()
	r := interceptor.New(interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
		fmt.Println(e.Outcome, e.Method)
	}))
	ask(&http.Client{Transport: rest.Transport(r, nil)}, server.URL)
	// Output:
	// pending /google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent
	// pending /google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent
	// recovered /google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent
	// 200 an answer <nil>
}
