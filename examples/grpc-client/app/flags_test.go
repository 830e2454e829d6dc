package app

import "testing"

func TestParse_model(t *testing.T) {
	for _, name := range []string{"gemini-x", "models/gemini-x"} {
		o, err := parse([]string{"-prompts", "f", "-model", name})
		if err != nil || o.model != "models/gemini-x" {
			t.Errorf("-model %s: %q, %v, want models/gemini-x", name, o.model, err)
		}
	}
}
