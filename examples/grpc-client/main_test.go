package main

import (
	"testing"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
)

func TestNewClient_switchesOffTheRetriesAbove(t *testing.T) {
	client, err := newClient(t.Context(), gemini.PlainText("127.0.0.1:1", grpc.EmptyDialOption{}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // a test
	if twice := gapic.Retries(client.CallOptions); len(twice) > 0 {
		t.Errorf("%v retry above the interceptor", twice)
	}
}

func TestOneLayer_insists(t *testing.T) {
	retry := gax.WithRetry(func() gax.Retryer { return gax.OnHTTPCodes(gax.Backoff{}) })
	err := oneLayer(&generativelanguage.GenerativeCallOptions{CountTokens: []gax.CallOption{retry}, EmbedContent: []gax.CallOption{retry}})
	const want = "the client retries EmbedContent, CountTokens by itself, above the interceptor: want gapic.DisableRetry"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
