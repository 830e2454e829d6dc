package policy

import "time"

// Settings hold for the calls of a method, in addition to the table. The zero value has the
// default limits and sets nothing else.
type Settings struct {
	// Limits bound the call.
	Limits Limits
	// Codes limits retries to these status codes; zero for no limit.
	Codes CodeSet
	// Repeatable says whether the method may run twice. Nil keeps what is otherwise known about
	// the method.
	Repeatable *bool
	// WaitForReady says whether an attempt waits for a connection. Nil leaves the choice to the
	// call.
	WaitForReady *bool
	// Timeout bounds the call with all its attempts and waits; 0 for none.
	Timeout time.Duration
	// Hedge makes the attempts of a repeatable unary call run in parallel.
	Hedge Hedge
	// Priority is that of the call among those that wait for the same quota.
	Priority Priority
}

// Override replaces the parts of a table and of settings set in m; other parts stay. A nil
// Method changes nothing. Afterwards s shares the pointers of m: do not change the values they
// point to.
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
	if m.Priority != 0 {
		s.Priority = m.Priority
	}
}
