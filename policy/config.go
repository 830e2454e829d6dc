package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/reinvoke/reinvoke/codes"
)

// Config holds all retry settings of one connection that are plain data. The zero value never
// retries; most callers should start from [DefaultConfig].
type Config struct {
	// Table has one row per class of failure.
	Table Table
	// Limits bound every call.
	Limits Limits
	// Budget bounds the retries of all calls together.
	Budget BudgetConfig
	// Gate makes the calls of a channel wait together while a server refuses calls.
	Gate GateConfig
	// Quotas are limits of the server that are known in advance.
	Quotas []Quota
	// Targets are the other places that calls may go to, in order of preference: see
	// interceptor.WithPlaces.
	Targets []Place
	// Methods override the table and the limits for some methods.
	Methods []Method
}

// DefaultConfig returns the default configuration: [Default], the default limits,
// [DefaultBudget] and [DefaultGate].
func DefaultConfig() Config {
	return Config{Table: Default(), Budget: DefaultBudget(), Gate: DefaultGate()}
}

// Validate returns an error naming each invalid field and the expected value, or nil. Several
// errors are joined.
func (c Config) Validate() error {
	errs := []error{
		c.Table.Validate(), c.Limits.Validate(), c.Budget.Validate(), c.Gate.Validate(), ValidateQuotas(c.Quotas), c.Limits.cuts(&c.Table, "policy: "),
	}
	errs = append(errs, validatePlaces("policy: ", c.Targets)...)
	seen := map[string]bool{}
	for i := range c.Methods {
		m := &c.Methods[i]
		if err := ValidatePattern(m.Pattern); err != nil {
			errs = append(errs, err)
			continue
		}
		if seen[m.Pattern] {
			errs = append(errs, fmt.Errorf("policy: method %s: given twice: want one section for each pattern", m.Pattern))
		}
		seen[m.Pattern] = true
		errs = append(errs, m.validate(&c))
	}
	return errors.Join(errs...)
}

// Method returns the override with the longest pattern matching the method, or nil.
func (c *Config) Method(method string) *Method {
	return MostSpecific(c.Methods, (*Method).pattern, method)
}

// clone returns a deep copy.
func (c Config) clone() Config {
	c.Methods, c.Targets, c.Quotas = slices.Clone(c.Methods), slices.Clone(c.Targets), slices.Clone(c.Quotas)
	for i := range c.Methods {
		c.Methods[i] = c.Methods[i].clone()
	}
	return c
}

// className returns the name of the class with this index.
func className(index int) string { return codes.Class(index).String() } //nolint:gosec // an index of a Table fits into a Class

// Live holds the [Config] in force and swaps it atomically. A call keeps the Config in force at
// its first failure. Use [NewLive]; the zero value holds a Config that never retries. A Live is
// safe for concurrent use and must not be copied.
type Live struct {
	config atomic.Pointer[inForce]

	mu       sync.Mutex
	watchers map[*func()]bool
}

// inForce is a Config prepared for lookups by method.
type inForce struct {
	Config
	early bool
	// exact holds the methods named without a star, starred the others. A service config may
	// have hundreds of exact names.
	exact   map[string]*Method
	starred []Method
}

// NewLive returns a Live holding c, or the error from [Config.Validate].
func NewLive(c Config) (*Live, error) {
	l := &Live{}
	if err := l.Store(c); err != nil {
		return nil, err
	}
	return l, nil
}

// Load returns the Config in force. The Config is shared: do not change it.
func (l *Live) Load() *Config {
	if c := l.config.Load(); c != nil {
		return &c.Config
	}
	return &Config{}
}

// For returns the Config in force and its section for a method, as [Config.Method] does, but
// stays fast with hundreds of exact method names. Both results are shared: do not change them.
func (l *Live) For(method string) (*Config, *Method) {
	c := l.config.Load()
	if c == nil {
		return &Config{}, nil
	}
	if m := c.exact[method]; m != nil {
		return &c.Config, m
	}
	return &c.Config, MostSpecific(c.starred, (*Method).pattern, method)
}

// Early reports whether the Config in force has a setting needed before the first attempt of a
// call, not only after a failure: targets, or for any method a timeout, hedging, targets, or
// whether to wait for a connection.
func (l *Live) Early() bool {
	c := l.config.Load()
	return c != nil && c.early
}

// Store puts a copy of c in force for calls failing from now on. If c is invalid, Store changes
// nothing and returns the error from [Config.Validate].
//
// Budget figures are read when a connection is set up; Store does not change a budget in use.
// Gate figures take effect at once: switching the gate off releases the calls waiting there.
func (l *Live) Store(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	next := &inForce{Config: c.clone(), early: len(c.Targets) > 0, exact: map[string]*Method{}}
	for i := range next.Methods {
		m := &next.Methods[i]
		next.early = next.early || m.early()
		if strings.HasSuffix(m.Pattern, "*") {
			next.starred = append(next.starred, *m)
		} else {
			next.exact[m.Pattern] = m
		}
	}
	l.config.Store(next)
	for _, f := range l.watching() {
		f()
	}
	return nil
}

// OnStore registers f to be called after every later [Live.Store], on the goroutine of Store,
// until stop is called. f must not call Store.
func (l *Live) OnStore(f func()) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watchers == nil {
		l.watchers = map[*func()]bool{}
	}
	l.watchers[&f] = true
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers, &f)
	}
}

// watching returns the registered functions.
func (l *Live) watching() (all []func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f := range l.watchers {
		all = append(all, *f)
	}
	return all
}

// FleetConfig returns the configuration for long-running fleets of clients that prefer waiting
// to failing: [Fleet], [DefaultBudget] and [FleetGate]. For calls with deadlines of 30 s or
// more: shorter calls have no time to wait, and do no better than with [DefaultConfig]
// (bench/fleet, TestFleet_shortDeadlines).
func FleetConfig() Config {
	return Config{Table: Fleet(), Budget: DefaultBudget(), Gate: FleetGate()}
}
