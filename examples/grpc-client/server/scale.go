package server

import "github.com/reinvoke/reinvoke/policy"

// Scale divides the delays of the default table, so that the demo is done in
// seconds. Delays in hints of a server are not scaled.
const Scale = 10

// Table is the default table with scaled delays.
func Table() policy.Table {
	t := policy.Default()
	for class := range t {
		t[class].Base /= Scale
		t[class].Max /= Scale
	}
	return t
}
