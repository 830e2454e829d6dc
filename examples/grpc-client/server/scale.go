package server

import "github.com/reinvoke/reinvoke/policy"

// Scale is what the delays of the default table are divided by, so that
// the demo is done in seconds. What a server asks for is not scaled.
const Scale = 10

// Table is the default table with its delays scaled.
func Table() policy.Table {
	t := policy.Default()
	for class := range t {
		t[class].Base /= Scale
		t[class].Max /= Scale
	}
	return t
}
