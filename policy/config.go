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

// Config is everything about retries that can be set as data, for one
// connection. The zero value never retries; most callers should start from
// [DefaultConfig].
type Config struct {
	// Table has a row for each class of failure.
	Table Table
	// Limits bound every call.
	Limits Limits
	// Budget bounds the retries of all calls together.
	Budget BudgetConfig
	// Gate has the calls of a channel wait together while a server refuses them.
	Gate GateConfig
	// Methods override the table and the limits for some methods.
	Methods []Method
}

// DefaultConfig returns the configuration that is used where no other is
// given: [Default], the default limits, [DefaultBudget] and [DefaultGate].
func DefaultConfig() Config {
	return Config{Table: Default(), Budget: DefaultBudget(), Gate: DefaultGate()}
}

// Validate returns an error that names the field and what was expected, or
// nil. Several faults give an error each, joined.
func (c Config) Validate() error {
	errs := []error{
		c.Table.Validate(), c.Limits.Validate(), c.Budget.Validate(), c.Gate.Validate(), c.Limits.cuts(&c.Table, "policy: "),
	}
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

// Method returns the override whose pattern is the longest that matches the
// method, or nil.
func (c *Config) Method(method string) *Method {
	return MostSpecific(c.Methods, (*Method).pattern, method)
}

// clone returns a copy that shares nothing.
func (c Config) clone() Config {
	c.Methods = slices.Clone(c.Methods)
	for i := range c.Methods {
		c.Methods[i] = c.Methods[i].clone()
	}
	return c
}

// className returns the name of the class with that index.
func className(index int) string { return codes.Class(index).String() } //nolint:gosec // an index of a Table fits into a Class

// Live holds the [Config] in force and swaps it atomically: a call that has
// begun keeps the one it began to fail with. Use [NewLive]; the zero value
// holds a Config that never retries. It is safe for concurrent use and must
// not be copied.
type Live struct {
	config atomic.Pointer[inForce]

	mu       sync.Mutex
	watchers map[*func()]bool
}

// inForce is a Config that is in force.
type inForce struct {
	Config
	early bool
	// exact are the methods that are named without a star, of which a service
	// config may have hundreds; starred are the others.
	exact   map[string]*Method
	starred []Method
}

// NewLive returns a Live that holds c, or the error that Validate returns for
// it.
func NewLive(c Config) (*Live, error) {
	l := &Live{}
	if err := l.Store(c); err != nil {
		return nil, err
	}
	return l, nil
}

// Load returns the Config in force. It is shared: do not change it.
func (l *Live) Load() *Config {
	if c := l.config.Load(); c != nil {
		return &c.Config
	}
	return &Config{}
}

// For returns the Config in force, and its section for a method: as
// [Config.Method], but quick however many sections there are. Both are shared: do
// not change them.
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

// Early reports whether the Config in force says something of any method that
// has to be known before the first attempt of a call, and not only when one has
// failed: a timeout, hedging, or whether to wait for a connection.
func (l *Live) Early() bool {
	c := l.config.Load()
	return c != nil && c.early
}

// Store puts a copy of c in force for calls that fail from now on. If c is
// not valid it changes nothing and returns the error that Validate returns.
//
// The figures of the budget are read when a connection is set up; later ones
// do not change a budget that is in use. Those of the gate hold at once: a gate that
// is switched off lets go whoever waits there.
func (l *Live) Store(c Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	next := &inForce{Config: c.clone(), exact: map[string]*Method{}}
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

// OnStore has f called after every [Live.Store] from now on, on the goroutine that
// stores, until stop is called. f must not call Store.
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

// watching returns the functions to be called.
func (l *Live) watching() (all []func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f := range l.watchers {
		all = append(all, *f)
	}
	return all
}

// FleetConfig returns the configuration for fleets of clients that run for long
// and would rather wait than fail: [Fleet], [DefaultBudget] and [FleetGate].
func FleetConfig() Config {
	return Config{Table: Fleet(), Budget: DefaultBudget(), Gate: FleetGate()}
}
