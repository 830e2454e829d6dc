package main

import (
	"reflect"
	"testing"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
)

func TestNewClient_switchesOffTheRetriesAbove(t *testing.T) {
	client, err := newClient(t.Context(), interceptor.New(), plainText("127.0.0.1:1", grpc.EmptyDialOption{}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() //nolint:errcheck // a test
	options := reflect.ValueOf(*client.CallOptions)
	for i := range options.NumField() {
		name := options.Type().Field(i).Name
		opts, ok := options.Field(i).Interface().([]gax.CallOption)
		if !ok {
			t.Fatalf("%s is no list of options", name)
		}
		if settingsOf(opts).Retry != nil {
			t.Errorf("%s retries above the interceptor", name)
		}
	}
}

func TestWithoutGaxRetries_keepsWhatElseIsSet(t *testing.T) {
	o := &generativelanguage.GenerativeCallOptions{GenerateContent: []gax.CallOption{
		gax.WithRetry(func() gax.Retryer { return nil }), gax.WithGRPCOptions(interceptor.Repeatable()), gax.WithTimeout(time.Minute),
	}}
	withoutGaxRetries(o)
	got := settingsOf(o.GenerateContent)
	if got.Retry != nil || len(got.GRPC) != 1 {
		t.Errorf("retry %v, options %v: want none, and the one that was set", got.Retry != nil, got.GRPC)
	}
	if len(o.GenerateContent) != 4 {
		t.Errorf("%d options, want the three and one more", len(o.GenerateContent))
	}
}

// settingsOf returns what the options come to.
func settingsOf(opts []gax.CallOption) (s gax.CallSettings) {
	for _, o := range opts {
		o.Resolve(&s)
	}
	return s
}
