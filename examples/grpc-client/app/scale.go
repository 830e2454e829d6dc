package app

import "github.com/reinvoke/reinvoke/policy"

// demoScale is what the delays of the default table are divided by, so that
// the demo is done in seconds. What a server asks for is not scaled.
const demoScale = 10

// demoTable is the default table with its delays scaled.
func demoTable() policy.Table {
	t := policy.Default()
	for class := range t {
		t[class].Base /= demoScale
		t[class].Max /= demoScale
	}
	return t
}
