package gapic

import (
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
)

// ClientOptions returns the options for a generated client to use a new Retrier with
// opts. A client that does not speak gRPC ignores the options. ClientOptions panics
// in the same cases as interceptor.New. To share a budget and gates between clients,
// use one Retrier with [ClientOptionsFor].
func ClientOptions(opts ...interceptor.Option) []option.ClientOption {
	return ClientOptionsFor(interceptor.New(opts...))
}

// ClientOptionsFor is [ClientOptions] with an existing Retrier.
func ClientOptionsFor(r *interceptor.Retrier) []option.ClientOption {
	var all []option.ClientOption
	for _, o := range r.DialOptions() {
		all = append(all, option.WithGRPCDialOption(o))
	}
	return all
}
