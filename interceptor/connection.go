package interceptor

import (
	"errors"
	"fmt"

	"github.com/reinvoke/reinvoke/policy"
)

// methodOptions holds the options of a pattern of methods.
type methodOptions struct {
	pattern string
	opts    []CallOption
}

// connection gathers the options of New.
type connection struct {
	settings // including the table and the limits
	config   policy.Config
	live     *policy.Live
	budget   *policy.Budget
	noBudget bool
	shaped   []string // the names of options that WithLive excludes
	r        Retrier
	errs     []error
}

func newConnection() *connection {
	c := &connection{config: policy.DefaultConfig()}
	c.table = c.config.Table
	c.replay, c.patience = DefaultReplayBuffer, DefaultPatience
	c.r.evidence = true
	c.r.logs.limit.Most = DefaultLogLimit
	c.r.clock = systemClock()
	c.r.rand = dice
	return c
}

// fault records an error; nil is ignored.
func (c *connection) fault(err error) {
	if err != nil {
		c.errs = append(c.errs, err)
	}
}

// build returns the Retrier, or all errors.
func (c *connection) build() (*Retrier, error) {
	r := &c.r
	switch {
	case c.live != nil && len(c.shaped) > 0:
		c.fault(fmt.Errorf("interceptor: %s: cannot be combined with WithLive, which says the same: put it into the Config that Live holds", c.shaped[0]))
	case c.live != nil:
		r.live, r.follows = c.live, true
	default:
		s := c.settings
		s.cap()
		c.config.Table, c.config.Limits = s.table, s.Limits
		live, err := policy.NewLive(c.config)
		c.fault(err)
		r.live = live
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	r.base, r.made = c.settings, r.clock.Now()
	if r.observer != nil || r.refresh != nil || r.breaker != nil {
		r.early = max(r.early, lifeEarly)
	}
	if !r.follows && r.live.Early() { // a followed configuration may be swapped
		r.early = settingsEarly
	}
	timed := r.base.attemptTimeout > 0
	for _, m := range r.methods {
		c.fault(r.checkMethod(m))
		r.early = max(r.early, earliest(m.opts))
		timed = timed || r.timed(m)
	}
	c.buildBudget(timed)
	r.logs.limit.Clock, r.logs.limit.Tell = r.clock, r.logs.summarize
	n, err := r.name(r.live.Load())
	c.fault(err)
	r.named.Store(n)
	r.beginGates()
	return r, errors.Join(c.errs...)
}

// buildBudget sets the budget of the Retrier. A connection with an attempt timeout has a
// smaller budget, unless figures other than the default were set.
func (c *connection) buildBudget(timed bool) {
	switch {
	case c.noBudget:
	case c.budget != nil:
		c.r.budget = c.budget
	default:
		figures := c.r.live.Load().Budget
		if timed && figures == policy.DefaultBudget() {
			figures = policy.AttemptTimeoutBudget()
		}
		budget, err := policy.NewBudget(figures)
		c.fault(err)
		c.r.budget = budget
	}
}

// checkMethod returns an error if the options of a pattern do not fit those of the
// connection.
func (r *Retrier) checkMethod(m methodOptions) error {
	cfg := r.live.Load()
	s := r.uncapped(cfg)
	for _, o := range m.opts {
		s.apply(o)
	}
	s.cap()
	if err := s.validate(); err != nil {
		return fmt.Errorf("interceptor: WithMethod: pattern %q: %w", m.pattern, err)
	}
	return nil
}

// timed reports whether the options of a pattern set an attempt timeout.
func (r *Retrier) timed(m methodOptions) bool {
	var s settings
	for _, o := range m.opts {
		s.apply(o)
	}
	return s.attemptTimeout > 0
}
