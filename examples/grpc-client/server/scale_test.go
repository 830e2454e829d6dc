package server

import (
	"testing"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

func TestDemoTable_isTheDefaultScaled(t *testing.T) {
	for class, row := range policy.Default() {
		scaled := Table()[class]
		if scaled.Retries != row.Retries || scaled.Base*Scale != row.Base || scaled.Max*Scale != row.Max {
			t.Errorf("%v: %v, want %v with its delays divided by %d", codes.Class(class), scaled, row, Scale)
		}
	}
}
