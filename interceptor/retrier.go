package interceptor

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/connwatch"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/interceptor/internal/refresh"
	"github.com/reinvoke/reinvoke/policy"
)

// Retrier re-invokes failed calls. Its interceptors and [Retrier.Do] share
// one configuration and one budget of retries: use one Retrier for each
// service, on one connection or on several. It is safe for concurrent use.
type Retrier struct {
	live     *policy.Live
	budget   *policy.Budget
	base     settings // what the connection sets beside the table and the limits
	methods  []methodOptions
	rules    []codes.Rule
	clock    Clock
	rand     func() float64
	observer Observer
	logs     logs

	conns        connwatch.Watch // of the connections that calls wait on
	gates        gates.Gates
	gating       gating
	gateObserver func(GateEvent)
	breaker      Breaker // nil for none
	none         place   // of attempts without a place

	refresh *refresh.Once // nil for none
	early   early         // of every call
	follows bool          // the configuration may be swapped

	evidence bool
	trusts   *trusts
	// resumable says that the log has named WithResume.
	resumable atomic.Bool
	captures  sync.Pool // of *capture

	setup []func(*Retrier) // see WithSetup
	made  time.Time        // when it was

	// previous[n] carries grpc-previous-rpc-attempts: n and nothing else.
	previous [maxPrevious]context.Context

	warnedOfLayers atomic.Bool // of a second layer of retries
}

// maxPrevious is how many attempt contexts are made in advance: what the
// default limits can use.
const maxPrevious = policy.DefaultMaxAttempts

// New returns a Retrier with these options, on top of policy.DefaultConfig.
// Options are programming: where one is invalid, New panics with the error
// that the Validate functions of package policy return. Validate data that
// was loaded before it gets here.
func New(opts ...Option) *Retrier {
	c := newConnection()
	for _, o := range opts {
		if o != nil {
			o.applyTo(c)
		}
	}
	r, err := c.build()
	if err != nil {
		panic(err)
	}
	r.captures.New = func() any { return new(capture) }
	r.trusts = newTrusts()
	for n := range r.previous {
		r.previous[n] = previousAttempts(n) //nolint:fatcontext // each of them is a context of its own
	}
	for _, f := range r.setup {
		f(r)
	}
	r.setup = nil
	return r
}

// Unary returns the interceptor for unary calls, to be installed with
// grpc.WithChainUnaryInterceptor and beside grpc.WithDisableRetry.
func (r *Retrier) Unary() grpc.UnaryClientInterceptor { return r.unary }

// Stream returns the interceptor for streams, to be installed with
// grpc.WithChainStreamInterceptor and beside grpc.WithDisableRetry.
func (r *Retrier) Stream() grpc.StreamClientInterceptor { return r.stream }

// DialOptions returns everything that a connection needs: both interceptors,
// and grpc.WithDisableRetry, because the attempts of two layers that retry
// multiply. The transparent retries of grpc-go stay.
func (r *Retrier) DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(r.Unary()),
		grpc.WithChainStreamInterceptor(r.Stream()),
		grpc.WithDisableRetry(),
	}
}

// DialOptions returns the dial options of a new [Retrier] with these options:
// most callers need nothing else. It panics where [New] does.
func DialOptions(opts ...Option) []grpc.DialOption { return New(opts...).DialOptions() }

// UnaryClientInterceptor returns the unary interceptor of a new [Retrier].
// It has a budget of its own: use [New] or [DialOptions] where streams retry
// too. It panics where New does.
func UnaryClientInterceptor(opts ...Option) grpc.UnaryClientInterceptor { return New(opts...).Unary() }

// StreamClientInterceptor returns the stream interceptor of a new [Retrier].
// It has a budget of its own: use [New] or [DialOptions] where unary calls
// retry too. It panics where New does.
func StreamClientInterceptor(opts ...Option) grpc.StreamClientInterceptor {
	return New(opts...).Stream()
}

// Budget returns the budget of retries, to be shared with other Retriers
// through [WithBudget]; nil if there is none.
func (r *Retrier) Budget() *policy.Budget { return r.budget }

// Config returns the configuration in force. It is shared: do not change it.
func (r *Retrier) Config() *policy.Config { return r.live.Load() }
