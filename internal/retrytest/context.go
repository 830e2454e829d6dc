package retrytest

import "context"

// OpaqueContext hides a context's kind from package context, which then needs
// a goroutine for each child that is not cancelled.
type OpaqueContext struct {
	context.Context
	Ended chan struct{}
}

// Done returns Ended.
func (c *OpaqueContext) Done() <-chan struct{} { return c.Ended }
