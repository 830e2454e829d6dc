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

// WithConfig sets everything that is data: table, limits, methods, budget and gate. The
// default is policy.DefaultConfig.
func WithConfig(c policy.Config) Option {
	return connectionOption(func(conn *connection) {
		conn.config = c
		conn.table, conn.Limits = c.Table, c.Limits
		conn.shaped = append(conn.shaped, "WithConfig")
	})
}

// WithLive uses the configuration held by l, and follows swaps. A call uses the
// configuration in force at its first failure, or at its start if a setting is needed
// before the first attempt. On the connection, WithLive excludes WithConfig, WithTable,
// WithPolicy, WithLimits and MaxRetries; methods, contexts and calls can have the last
// four.
func WithLive(l *policy.Live) Option {
	return connectionOption(func(c *connection) {
		if l == nil {
			c.fault(errors.New("interceptor: WithLive: nil: want a *policy.Live"))
		}
		c.live = l
	})
}

// WithMethod gives options to the methods that match the pattern:
// "/package.Service/Method", "/package.Service/*" or "/package.*". Of several matching
// patterns only the longest counts.
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

// WithRules puts the caller's rules before the rules of package codes, in the order
// given.
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

// ruleName matches the name of a rule, which must be fit for a metric label.
var ruleName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// WithBudget shares one budget of retries between all Retriers with the same pointer. A
// nil b is an error. By default each Retrier has a budget of its own, with the figures
// of the configuration.
func WithBudget(b *policy.Budget) Option {
	return connectionOption(func(c *connection) {
		if b == nil {
			c.fault(errors.New("interceptor: WithBudget: nil: want a *policy.Budget, or use WithoutBudget"))
		}
		c.budget, c.noBudget = b, false
	})
}

// WithoutBudget lets every call retry as its policy says, however many other calls are
// failing. A service in trouble then gets several times its load: most callers should
// not use WithoutBudget.
func WithoutBudget() Option {
	return connectionOption(func(c *connection) { c.budget, c.noBudget = nil, true })
}

// WithLogger logs every retry, every give-up and every recovery, with the fields that
// go-grpc-middleware keeps in the context. Any adapter written for go-grpc-middleware
// fits. The default is silence. A panic of l propagates through the call being logged;
// on a line without a call, such as a line about a gate or about left-out lines, the
// panic is dropped.
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

// DefaultLogLimit is the most lines per level that a Retrier logs in a second.
// Judgement: nobody reads more, and a channel that fails thousands of times a second
// must not fill a disk.
const DefaultLogLimit = 100

// WithLogLimit sets the most lines per level logged in a second, lines about gates
// included: 0 for no limit, [DefaultLogLimit] by default. At the end of the second, one
// line counts the lines left out.
func WithLogLimit(lines int) Option {
	return connectionOption(func(c *connection) {
		if lines < 0 {
			c.fault(fmt.Errorf("interceptor: WithLogLimit: %d: want >= 0", lines))
		}
		c.r.logs.limit.Most = lines
	})
}

// WithMessages adds the status message of each failure to its log lines, with text that
// looks like a key or a token removed. Off by default, because messages of servers may
// quote the request.
func WithMessages() Option {
	return connectionOption(func(c *connection) { c.r.logs.messages = true })
}

// Options combines several options into one, applied in the order given. A nil option
// does nothing. Options is for packages that offer an option made of others.
func Options(opts ...Option) Option {
	return connectionOption(func(c *connection) {
		for _, o := range opts {
			if o != nil {
				o.applyTo(c)
			}
		}
	})
}

// WithSetup calls f with the new Retrier at the end of [New], for instruments that read
// the budget and the gates. Several functions run in the order given. f must not make
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

// WithObserver calls f for every attempt and every call. Several observers run in the
// order given. f runs on the goroutine of the call, must not block, and must be safe
// for concurrent use.
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

// WithoutEvidence leaves the trailers of unary calls unread, which saves some
// nanoseconds a call (go test -bench UnaryAlone ./bench) and grpc's allocation or two
// for a trailer. An attempt of unknown reach then counts as codes.Lost: calls not known
// to be repeatable are retried less, and a server's grpc-retry-pushback-ms is not seen.
// The trailers of streams are still read.
func WithoutEvidence() Option {
	return connectionOption(func(c *connection) { c.r.evidence = false })
}

// WithClock sets the clock for waits; the default is the runtime's. If the clock goes
// back, the time of the Retrier stands still, and goes on from there.
func WithClock(clock Clock) Option {
	return connectionOption(func(c *connection) {
		if clock == nil {
			c.fault(errors.New("interceptor: WithClock: nil: want a Clock"))
		}
		c.r.clock = &steadyClock{Clock: clock}
	})
}

// WithRand sets the random source of jitter: f returns numbers in [0, 1) and must be
// safe for concurrent use. The default is math/rand/v2.
func WithRand(f func() float64) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithRand: nil: want a function"))
		}
		c.r.rand = f
	})
}
