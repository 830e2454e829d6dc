package policy

import "fmt"

// Priority says which of the calls that wait for the same quota goes first. It changes nothing
// for calls that need not wait, and nothing about retries. The zero value is that of a call
// without a priority, NormalPriority.
type Priority uint8

const (
	_ Priority = iota
	// LowPriority is for calls that may take long, such as those of a batch. They leave room for
	// others, under a known limit and after refusals.
	LowPriority
	// NormalPriority is the default.
	NormalPriority
	// HighPriority is for calls that someone waits for.
	HighPriority
)

// String returns "low", "normal" or "high", "normal" for the zero value, and "Priority(n)" for
// an unknown number.
func (p Priority) String() string {
	switch p {
	case 0, NormalPriority:
		return "normal"
	case LowPriority:
		return "low"
	case HighPriority:
		return "high"
	}
	return fmt.Sprintf("Priority(%d)", uint8(p))
}
