package retrytest

import "context"

// OpaqueContext hides a context's kind from package context. Package context then needs a
// goroutine for each child, until the child is cancelled.
type OpaqueContext struct {
	context.Context
	Ended chan struct{}
}

// Done returns Ended.
func (c *OpaqueContext) Done() <-chan struct{} { return c.Ended }
