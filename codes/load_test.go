package codes_test

import (
	"testing"

	"github.com/reinvoke/reinvoke/codes"
)

func TestClassLoad_everyClassHasOne(t *testing.T) {
	for class := range codes.Class(codes.NumClasses) {
		if got := class.Load(); got < codes.Accepted || got > codes.Untold {
			t.Errorf("%v has no load: decide what it says about the server", class)
		}
	}
	if got := codes.Class(codes.NumClasses).Load(); got != codes.Unrelated {
		t.Errorf("a number that is no class has load %d, want %d", got, codes.Unrelated)
	}
}

func TestClassLoad(t *testing.T) {
	want := map[codes.Class]codes.Load{
		codes.None: codes.Accepted, codes.Quota: codes.Refused, codes.Ended: codes.Untold,
		codes.Server: codes.Troubled, codes.Network: codes.Troubled, codes.Timeout: codes.Troubled,
		codes.Spent: codes.Unrelated, codes.Request: codes.Unrelated, codes.Other: codes.Unrelated,
	}
	for class, load := range want {
		if got := class.Load(); got != load {
			t.Errorf("%v has load %d, want %d", class, got, load)
		}
	}
}
