package codes_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

func TestStatusOf(t *testing.T) {
	notFound := status.Error(grpccodes.NotFound, "gone")
	for name, tt := range map[string]struct {
		err  error
		want *status.Status
		ok   bool
	}{
		"a status":            {notFound, status.New(grpccodes.NotFound, "gone"), true},
		"a status, wrapped":   {fmt.Errorf("around it: %w", notFound), status.New(grpccodes.NotFound, "gone"), true},
		"a status, joined":    {errors.Join(errors.New("beside it"), notFound), status.New(grpccodes.NotFound, "gone"), true},
		"a context cancelled": {fmt.Errorf("x: %w", context.Canceled), status.New(grpccodes.Canceled, "x: context canceled"), false},
		"a context timed out": {context.DeadlineExceeded, status.New(grpccodes.DeadlineExceeded, "context deadline exceeded"), false},
		"none":                {errors.New("x"), status.New(grpccodes.Unknown, "x"), false},
		"nil":                 {nil, nil, true},
	} {
		got, ok := codes.StatusOf(tt.err)
		if got.Code() != tt.want.Code() || got.Message() != tt.want.Message() || ok != tt.ok {
			t.Errorf("%s: got %v, %v, want %v, %v", name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestRetriedByGRPC(t *testing.T) {
	refused := status.Error(grpccodes.Unavailable, "no")
	for name, tt := range map[string]struct {
		err  error
		want bool
	}{
		"nil":                {nil, false},
		"a status":           {refused, false},
		"what grpc-go says":  {fmt.Errorf("max retries exhausted: failed after %d attempts: %w", 3, refused), true},
		"the words, further": {fmt.Errorf("call: max retries exhausted: failed after 3 attempts: %w", refused), false},
	} {
		if got := codes.RetriedByGRPC(tt.err); got != tt.want {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}
