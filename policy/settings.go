package policy

import "time"

// Settings are what holds for the calls of a method, beside the table. The zero
// value has the default limits and says nothing else.
type Settings struct {
	// Limits bound the call.
	Limits Limits
	// Codes are the status codes that alone are retried; zero for all.
	Codes CodeSet
	// Repeatable says whether the method may run twice. Nil leaves it to what is
	// known of the method.
	Repeatable *bool
	// WaitForReady says whether an attempt waits for a connection. Nil leaves it
	// to the call.
	WaitForReady *bool
	// Timeout bounds the call with all its attempts and waits; 0 for none.
	Timeout time.Duration
	// Hedge has the attempts of a repeatable unary call run beside each other.
	Hedge Hedge
}

// Override replaces in a table and in settings what m says of them; what it does not
// say stays. A nil Method says nothing. The settings then share the pointers of m:
// do not change what they point to.
func (m *Method) Override(t *Table, s *Settings) {
	if m == nil {
		return
	}
	for class, row := range m.Rows {
		t[class] = row
	}
	s.Limits = m.Limits.Or(s.Limits)
	if m.Codes != 0 {
		s.Codes = m.Codes
	}
	if m.Repeatable != nil {
		s.Repeatable = m.Repeatable
	}
	if m.WaitForReady != nil {
		s.WaitForReady = m.WaitForReady
	}
	if m.Timeout > 0 {
		s.Timeout = m.Timeout
	}
	if m.Hedge.Attempts > 0 {
		s.Hedge = m.Hedge
	}
}
