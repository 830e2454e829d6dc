package interceptor

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// WithConfig sets everything that can be set as data: table, limits, methods
// and budget. The default is policy.DefaultConfig.
func WithConfig(c policy.Config) Option {
	return connectionOption(func(conn *connection) {
		conn.config = c
		conn.table, conn.Limits = c.Table, c.Limits
		conn.shaped = append(conn.shaped, "WithConfig")
	})
}

// WithLive uses the configuration that l holds, and follows it when it is
// swapped: a call uses the one in force at its first failure. WithConfig,
// WithTable, WithPolicy, WithLimits and MaxRetries cannot be given to the
// connection beside it; to methods, contexts and calls they can.
func WithLive(l *policy.Live) Option {
	return connectionOption(func(c *connection) {
		if l == nil {
			c.fault(errors.New("interceptor: WithLive: nil: want a *policy.Live"))
		}
		c.live = l
	})
}

// WithMethod gives options to the methods that the pattern names:
// "/package.Service/Method", "/package.Service/*" or "/package.*". Of all
// patterns that match a method the longest alone counts.
func WithMethod(pattern string, opts ...CallOption) Option {
	return connectionOption(func(c *connection) {
		c.fault(policy.ValidatePattern(pattern))
		for _, m := range c.r.methods {
			if m.pattern == pattern {
				c.fault(fmt.Errorf("interceptor: WithMethod: pattern %q given twice: want one option for each pattern", pattern))
			}
		}
		for _, o := range opts {
			if o.o != nil {
				c.fault(o.o.err)
			}
		}
		c.r.methods = append(c.r.methods, methodOptions{pattern, opts})
	})
}

// WithRules puts rules of the caller's own before those of package codes, in
// the order given.
func WithRules(rules ...codes.Rule) Option {
	return connectionOption(func(c *connection) {
		for i, rule := range rules {
			if !ruleName.MatchString(rule.Name) {
				c.fault(fmt.Errorf("interceptor: WithRules: rule %d: name %q: want lower case words joined by hyphens", i, rule.Name))
			}
			if rule.Class == codes.None || rule.Class >= codes.NumClasses {
				c.fault(fmt.Errorf("interceptor: WithRules: rule %d: class %v: want a class of failure", i, rule.Class))
			}
		}
		c.r.rules = append(c.r.rules, rules...)
	})
}

// ruleName is what a rule may be called, so that it can be a metric label.
var ruleName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// WithBudget shares a budget of retries with others that have the same
// pointer; nil is an error. The default is a budget of the Retrier's own,
// with the figures of the configuration.
func WithBudget(b *policy.Budget) Option {
	return connectionOption(func(c *connection) {
		if b == nil {
			c.fault(errors.New("interceptor: WithBudget: nil: want a *policy.Budget, or use WithoutBudget"))
		}
		c.budget, c.noBudget = b, false
	})
}

// WithoutBudget lets every call retry as its policy says, however many others
// are failing. A service in trouble is then sent several times its load: most
// callers should not use it.
func WithoutBudget() Option {
	return connectionOption(func(c *connection) { c.budget, c.noBudget = nil, true })
}

// WithLogger logs every retry, every give-up and every recovery. The fields
// that go-grpc-middleware keeps in the context are added. The default is
// silence. Any adapter that was written for go-grpc-middleware fits. A panic of l is that
// of the call whose line it was given; with a line of no call, as of a gate or of what was
// left out, it is dropped.
func WithLogger(l logging.Logger) Option {
	return connectionOption(func(c *connection) {
		if l == nil {
			c.fault(errors.New("interceptor: WithLogger: nil: want a logging.Logger"))
		}
		c.r.logs.to = append(c.r.logs.to, l)
	})
}

// WithSlog is [WithLogger] for a slog.Logger. Both may be used at once.
func WithSlog(l *slog.Logger) Option {
	return connectionOption(func(c *connection) {
		if l == nil {
			c.fault(errors.New("interceptor: WithSlog: nil: want a *slog.Logger"))
			return
		}
		c.r.logs.to = append(c.r.logs.to, slogger(l))
	})
}

// DefaultLogLimit is the most lines of a level that a Retrier logs in a second.
// Judgement: nobody reads more, and a channel that fails thousands of times a second
// must not fill a disk.
const DefaultLogLimit = 100

// WithLogLimit sets how many lines of a level are logged in a second at most, 0 for no
// limit; [DefaultLogLimit] by default. What is left out is counted, and one line tells
// of it at the end of the second. The lines of gates count among them.
func WithLogLimit(lines int) Option {
	return connectionOption(func(c *connection) {
		if lines < 0 {
			c.fault(fmt.Errorf("interceptor: WithLogLimit: %d: want >= 0", lines))
		}
		c.r.logs.limit.Most = lines
	})
}

// WithMessages adds the status message of each failure to its log lines, with
// what looks like a key or a token removed. It is off by default because
// messages of servers may quote the request.
func WithMessages() Option {
	return connectionOption(func(c *connection) { c.r.logs.messages = true })
}

// Options makes one Option of several, which apply in the order given; nil ones do
// nothing. It is for packages that have an option to offer which is made of others.
func Options(opts ...Option) Option {
	return connectionOption(func(c *connection) {
		for _, o := range opts {
			if o != nil {
				o.applyTo(c)
			}
		}
	})
}

// WithSetup has f given the Retrier when [New] has made it: for instruments that read
// its budget and its gates. Several are called in the order given. f must not make
// calls.
func WithSetup(f func(*Retrier)) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithSetup: nil: want a function"))
			return
		}
		c.r.setup = append(c.r.setup, f)
	})
}

// WithObserver has f told of every attempt and every call. Several observers
// are told in the order given. f is called on the goroutine of the call, must
// not block, and must be safe for concurrent use.
func WithObserver(f Observer) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithObserver: nil: want a function"))
			return
		}
		if before := c.r.observer; before != nil {
			c.r.observer = both(before, f)
			return
		}
		c.r.observer = f
	})
}

// WithoutEvidence does not look at the trailers of unary calls, which saves
// some nanoseconds a call (go test -bench UnaryAlone ./bench) and the
// allocation or two that grpc makes for a trailer. Where nothing is known of how far an attempt got, it
// counts as codes.Lost: calls that are not known to be repeatable are then
// retried less, and a server's grpc-retry-pushback-ms is not seen. Streams are
// watched all the same.
func WithoutEvidence() Option {
	return connectionOption(func(c *connection) { c.r.evidence = false })
}

// WithClock sets the clock for waits; the default is the runtime's. Where its time goes
// back, that of the Retrier stands still, and goes on from there.
func WithClock(clock Clock) Option {
	return connectionOption(func(c *connection) {
		if clock == nil {
			c.fault(errors.New("interceptor: WithClock: nil: want a Clock"))
		}
		c.r.clock = &steadyClock{Clock: clock}
	})
}

// WithRand sets the dice for jitter: f returns numbers in [0, 1) and must be
// safe for concurrent use. The default is math/rand/v2.
func WithRand(f func() float64) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithRand: nil: want a function"))
		}
		c.r.rand = f
	})
}
