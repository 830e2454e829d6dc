package batch

import (
	"cmp"
	"regexp"
	"slices"
)

// reason is why prompts failed, and how many.
type reason struct {
	Class   string `json:"class"` // empty if the call succeeded, but without an answer
	Error   string `json:"error"` // of the first such prompt
	Prompts int    `json:"prompts"`
}

// figures differ between errors with the same reason, as in "retry in 2.4s".
var figures = regexp.MustCompile(`\d+(?:\.\d+)?`)

// reasons counts failed prompts by class and text. Texts with different figures only are
// the same reason.
type reasons map[[2]string]*reason

// add counts a failed prompt.
func (all reasons) add(class, text string) {
	key := [2]string{class, figures.ReplaceAllString(text, "0")}
	if all[key] == nil {
		all[key] = &reason{Class: class, Error: text}
	}
	all[key].Prompts++
}

// sorted returns the reasons, the most frequent first.
func (all reasons) sorted() []reason {
	list := make([]reason, 0, len(all))
	for _, r := range all {
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b reason) int {
		return cmp.Or(cmp.Compare(b.Prompts, a.Prompts), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Error, b.Error))
	})
	return list
}
