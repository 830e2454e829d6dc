package app

import (
	"testing"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

func TestDemoTable_isTheDefaultScaled(t *testing.T) {
	for class, row := range policy.Default() {
		scaled := demoTable()[class]
		if scaled.Retries != row.Retries || scaled.Base*demoScale != row.Base || scaled.Max*demoScale != row.Max {
			t.Errorf("%v: %v, want %v with its delays divided by %d", codes.Class(class), scaled, row, demoScale)
		}
	}
}
