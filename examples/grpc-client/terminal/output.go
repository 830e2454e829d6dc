package terminal

import (
	"io"
	"sync"
)

// Output is a writer with a memory: after a failed write, as on a full disk, all later
// writes fail with the same error. An Output is safe for concurrent use.
type Output struct {
	to     io.Writer
	mu     sync.Mutex
	err    error
	failed func()
}

// NewOutput returns an Output to w.
func NewOutput(w io.Writer) *Output { return &Output{to: w, failed: func() {}} }

// OnError has f called at the first error. Before the first write only.
func (o *Output) OnError(f func()) { o.failed = f }

// Err returns the first error, or nil.
func (o *Output) Err() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// Write writes p. Concurrent writes take turns.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	n, err := o.to.Write(p)
	if err != nil {
		o.err = err
		o.failed()
	}
	return n, err
}
