package interceptor

import (
	"context"
	"crypto/rand"
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

// Retrier re-invokes failed calls. Its interceptors and [Retrier.Do] share one
// configuration and one budget of retries. Use one Retrier per service, on one
// connection or several. A Retrier is safe for concurrent use.
type Retrier struct {
	live     *policy.Live
	budget   *policy.Budget
	base     settings // of the connection, besides table and limits
	methods  []methodOptions
	rules    []codes.Rule
	clock    Clock
	rand     func() float64
	observer Observer
	logs     logs

	places places
	named  atomic.Pointer[named] // nil before the first use

	conns        connwatch.Watch // connections with waiting calls
	gates        gates.Gates
	gating       gating
	gateObserver func(GateEvent)
	breaker      Breaker // nil for none
	none         place   // stands in where an attempt has no place

	refresh *refresh.Once // nil for none
	early   early         // needed early by every call
	follows bool          // the configuration may be swapped

	evidence bool
	trusts   *trusts
	timeout  atomic.Pointer[timeoutFailure] // nil until known
	// resumable is true once the log has advised WithResume.
	resumable atomic.Bool
	captures  sync.Pool // of *capture

	// secret keys the hashes of [CallInfo] Tenants.
	secret [16]byte

	setup []func(*Retrier) // see WithSetup
	made  time.Time        // time of New

	// previous[n] is a context with the metadata grpc-previous-rpc-attempts: n, nothing
	// else.
	previous [maxPrevious]context.Context

	warnedOfLayers atomic.Bool // a second layer of retries was logged
	warnedOfResume atomic.Bool // WithResume without effect was logged
	warnedOfRemedy atomic.Bool // the Remedy of a CallInfo was logged
}

// maxPrevious is the number of attempt contexts made in advance: enough for the default
// limits.
const maxPrevious = policy.DefaultMaxAttempts

// New returns a Retrier with these options, on top of policy.DefaultConfig. Options are
// code: if one is invalid, New panics with the error of the Validate functions of
// package policy. Validate loaded data before passing it to New.
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
	_, _ = rand.Read(r.secret[:]) //nolint:forbidigo // a key, and no dice; never fails
	for n := range r.previous {
		r.previous[n] = previousAttempts(n) //nolint:fatcontext // each of them is a context of its own
	}
	for _, f := range r.setup {
		f(r)
	}
	r.setup = nil
	return r
}

// Unary returns the interceptor for unary calls. Install it with
// grpc.WithChainUnaryInterceptor, together with grpc.WithDisableRetry.
func (r *Retrier) Unary() grpc.UnaryClientInterceptor { return r.unary }

// Stream returns the interceptor for streams. Install it with
// grpc.WithChainStreamInterceptor, together with grpc.WithDisableRetry.
func (r *Retrier) Stream() grpc.StreamClientInterceptor { return r.stream }

// DialOptions returns everything a connection needs: both interceptors, and
// grpc.WithDisableRetry, because the attempts of two retrying layers multiply. The
// transparent retries of grpc-go stay.
func (r *Retrier) DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(r.Unary()),
		grpc.WithChainStreamInterceptor(r.Stream()),
		grpc.WithDisableRetry(),
	}
}

// DialOptions returns the dial options of a new [Retrier] with these options. Most
// callers need nothing else. DialOptions panics where [New] does.
func DialOptions(opts ...Option) []grpc.DialOption { return New(opts...).DialOptions() }

// UnaryClientInterceptor returns the unary interceptor of a new [Retrier] with a budget
// of its own: where streams retry too, use [New] or [DialOptions].
// UnaryClientInterceptor panics where New does.
func UnaryClientInterceptor(opts ...Option) grpc.UnaryClientInterceptor { return New(opts...).Unary() }

// StreamClientInterceptor returns the stream interceptor of a new [Retrier] with a
// budget of its own: where unary calls retry too, use [New] or [DialOptions].
// StreamClientInterceptor panics where New does.
func StreamClientInterceptor(opts ...Option) grpc.StreamClientInterceptor {
	return New(opts...).Stream()
}

// Budget returns the budget of retries, or nil if there is none. Share the budget with
// other Retriers through [WithBudget].
func (r *Retrier) Budget() *policy.Budget { return r.budget }

// Config returns the configuration in force. The value is shared: do not change it.
func (r *Retrier) Config() *policy.Config { return r.live.Load() }
