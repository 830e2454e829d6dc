package gapic

import (
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
)

// ClientOptions returns the options by which a generated client is re-invoked by a new
// Retrier with these options. A client that does not speak gRPC ignores them. It panics
// where interceptor.New does. Clients that should share a budget and gates need one
// Retrier: [ClientOptionsFor].
func ClientOptions(opts ...interceptor.Option) []option.ClientOption {
	return ClientOptionsFor(interceptor.New(opts...))
}

// ClientOptionsFor is [ClientOptions] for a Retrier that there is already.
func ClientOptionsFor(r *interceptor.Retrier) []option.ClientOption {
	var all []option.ClientOption
	for _, o := range r.DialOptions() {
		all = append(all, option.WithGRPCDialOption(o))
	}
	return all
}
