package interceptor

import (
	"context"
	"slices"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Option configures a connection: see [New] and [DialOptions]. If two options set the
// same value, the later one wins.
type Option interface {
	applyTo(c *connection)
}

// connectionOption is an Option for connections only.
type connectionOption func(*connection)

func (o connectionOption) applyTo(c *connection) { o(c) }

// CallOption configures a call. Give a CallOption to the call itself, among the
// grpc.CallOptions; to a context, with [NewContext]; to some methods, with
// [WithMethod]; or to the whole connection, as an [Option]. Without the interceptor a
// CallOption does nothing. The zero value does nothing.
//
// A CallOption given to a call fails the call with INVALID_ARGUMENT, before anything is
// sent, if the option cannot apply to the call or was made from an invalid value. For a
// whole connection use [New] or [DialOptions], not grpc.WithDefaultCallOptions, which
// gives the option to every single call.
type CallOption struct {
	grpc.EmptyCallOption
	o *callOption
}

// callOption is the content of a CallOption, and never changes.
type callOption struct {
	name  string
	err   error // the value is invalid
	apply func(*settings)
	// kinds are the kinds of calls the option can apply to.
	kinds kinds
	// early means that the option must be known before the first attempt ends, not only
	// after a failure.
	early bool
	// attemptOf is the method whose attempt the option marks (see asAttempt); empty for all
	// options of callers.
	attemptOf string
	// shapes means that the option changes the table or the limits, so that table and
	// limits must be checked against each other.
	shapes bool
}

// kinds is a set of kinds of calls.
type kinds uint8

const (
	unaryCall kinds = 1 << iota
	serverStream
	otherStream // client and bidirectional streams, and unary calls made as streams
	function    // Do

	streams    = serverStream | otherStream
	everything = unaryCall | streams | function
)

// String returns the name of a single kind, for error messages.
func (k kinds) String() string {
	switch k {
	case unaryCall:
		return "unary call"
	case serverStream:
		return "server stream"
	case function:
		return "function"
	default:
		return "client or bidirectional stream"
	}
}

func newCallOption(o callOption) CallOption { return CallOption{o: &o} }

// applyTo makes every CallOption an Option.
func (o CallOption) applyTo(c *connection) {
	if o.o == nil {
		return
	}
	c.fault(o.o.err)
	c.r.early = max(c.r.early, o.early())
	if o.o.shapes {
		c.shaped = append(c.shaped, o.o.name)
	}
	if o.o.err == nil {
		o.o.apply(&c.settings)
	}
}

// check returns an error if the option cannot apply to this kind of call or was made
// from an invalid value.
func (o CallOption) check(method string, kind kinds) error {
	switch {
	case o.o == nil:
		return nil
	case o.o.err != nil:
		return status.Error(grpccodes.InvalidArgument, o.o.err.Error())
	case o.o.kinds&kind == 0:
		return status.Errorf(grpccodes.InvalidArgument, "interceptor: %s: cannot apply to %s, which is a %v", o.o.name, method, kind)
	}
	return nil
}

// contextKey is the key of the CallOptions in a context.
type contextKey struct{}

// NewContext returns a context whose calls have these options, in addition to the
// options already in ctx. NewContext is for generated clients that hide their call
// options. An option that cannot apply to a call made with the context does nothing for
// that call. NewContext panics if an option was made from an invalid value.
func NewContext(ctx context.Context, opts ...CallOption) context.Context {
	for _, o := range opts {
		if o.o != nil && o.o.err != nil {
			panic(o.o.err)
		}
	}
	return context.WithValue(ctx, contextKey{}, slices.Concat(fromContext(ctx), opts))
}

// fromContext returns the options of a context.
func fromContext(ctx context.Context) []CallOption {
	opts, _ := ctx.Value(contextKey{}).([]CallOption)
	return opts
}
