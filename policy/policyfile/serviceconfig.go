package policyfile

import (
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

// FromServiceConfig reads the JSON of a gRPC service config, such as the
// *_grpc_service_config.json that Google publishes beside its protos, and returns
// the configuration that does the same: its methodConfig with timeout,
// waitForReady, retryPolicy and hedgingPolicy, and its retryThrottling. It checks
// what gRFC A6 says of them. The error is as that of [Load].
//
// A method without a retryPolicy is not retried, as with gRPC. One with it may run
// twice, since its service says so; the codes that are named are retried, but those
// of their failures that are known to be permanent, such as the quota of a day, are
// not. The figures are gRFC A6's: at most five attempts, and a jitter of 0.8 to 1.2.
//
// Three things are allowed that gRFC A6 forbids, since many of Google's files have
// them: no maxAttempts, which gives the five attempts that are allowed at most; an
// empty retryableStatusCodes, with which nothing is retried; and a name that is
// given twice with the same figures. As with grpc-go the case of a field's name does
// not matter.
//
// What differs from gRPC: RetryInfo and the texts of the server are heeded; each
// class of failure has an exponent of its own; a retry costs a token, while with
// gRPC every failure does, so that a budget of half of maxTokens stands for
// retryThrottling; without that the budget is policy.DefaultBudget, and the gate is
// policy.DefaultGate in any case. Load balancing, health checks and the sizes of
// messages are gRPC's own business, and skipped; a backoffMultiplier below 1 counts as
// 1. [ReadServiceConfig] names what was skipped or changed.
func FromServiceConfig(r io.Reader) (policy.Config, error) {
	c, _, err := ReadServiceConfig(r)
	return c, err
}

// ReadServiceConfig is [FromServiceConfig], and names what of the service config counts
// for nothing, or otherwise than it was written: members such as loadBalancingConfig,
// which grpc.WithDefaultServiceConfig still gives to gRPC, a method config without a
// name, and figures that were changed. Each warning has the line and the field, and is
// meant for a log: the configuration holds all the same. There are at most 20, in the
// order of the lines, and after them one that counts the others. Beside an error there
// are none.
func ReadServiceConfig(r io.Reader) (c policy.Config, warnings []*Error, err error) {
	d := &decoder{faults: faults{file: nameOf(r)}}
	d.unused.file = d.file
	data, err := readAll(r)
	if err != nil {
		return policy.Config{}, nil, &Error{File: d.file, Problem: err.Error()}
	}
	root, err := parseJSON(data)
	if err != nil {
		if root, errYAML := parseYAML(data); errYAML != nil || !d.isPolicyFile(root) {
			d.add(err)
		}
		return policy.Config{}, nil, d.err()
	}
	if d.isPolicyFile(root) {
		return policy.Config{}, nil, d.err()
	}
	c = policy.Config{Budget: policy.DefaultBudget(), Gate: policy.DefaultGate()}
	if root.kind != object {
		d.fault(root.line, "", "%s: want a JSON object", root.describe())
	} else {
		d.serviceConfig(root, &c)
	}
	if d.found == 0 { // what is left to be found is ours
		for _, text := range texts(c.Validate()) {
			d.fault(0, "", "%s", shownPattern(text))
		}
	}
	if err := d.err(); err != nil {
		return policy.Config{}, nil, err
	}
	return c, d.unused.list(), nil
}

// speller has the names of the fields of a service config, by their folded names.
type speller map[string]string

func newSpeller() speller {
	s := speller{}
	for _, name := range []string{
		"methodConfig", "retryThrottling", "loadBalancingPolicy", "loadBalancingConfig", "healthCheckConfig",
		"maxTokens", "tokenRatio", "name", "service", "method", "timeout", "waitForReady", "maxRequestMessageBytes", "maxResponseMessageBytes",
		"retryPolicy", "hedgingPolicy", "maxAttempts", "initialBackoff", "maxBackoff", "backoffMultiplier", "retryableStatusCodes",
		"hedgingDelay", "nonFatalStatusCodes",
	} {
		s[fold(name)] = name
	}
	return s
}

// fold returns the same for names that strings.EqualFold calls equal to a name in
// ASCII.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// spell gives the fields of a service config the case that they should have. It has
// to come before the first look at an entry, since entries are looked up by name.
func (s speller) spell(n *node) {
	for i := range n.keys {
		if name, ok := s[fold(n.keys[i].name)]; ok {
			n.keys[i].name = name
		}
		s.spell(n.keys[i].value)
	}
	for _, item := range n.items {
		s.spell(item)
	}
}

// skip reads nothing: another part does.
func skip(*key, string) {}

// leave reads nothing, and says so: gRPC alone can do what the entry says.
func (d *decoder) leave(k *key, path string) {
	if k.value.kind != null {
		d.unused.fault(k.line, path, "not used: gRPC does what it says if it is given to grpc.WithDefaultServiceConfig")
	}
}

func (d *decoder) serviceConfig(root *node, c *policy.Config) {
	newSpeller().spell(root)
	sections := map[string]int{}
	d.section(root, "", nil, map[string]part{
		"methodConfig": func(k *key, path string) {
			if k.value.kind != list {
				d.fault(k.line, path, "%s: want a list", k.value.describe())
				return
			}
			for i, item := range k.value.items {
				d.methodConfig(item, indexed(path, i), c, sections)
			}
		},
		"retryThrottling":     func(k *key, path string) { d.throttling(k, path, c) },
		"loadBalancingPolicy": d.leave, "loadBalancingConfig": d.leave, "healthCheckConfig": d.leave,
	})
}

// throttling reads retryThrottling. With gRPC half of the tokens may be spent.
func (d *decoder) throttling(k *key, path string, c *policy.Config) {
	var most, ratio float64
	d.section(k.value, path, []field{{"maxTokens", &most}, {"tokenRatio", &ratio}}, nil)
	if !(most > 0 && most <= 1000) {
		d.fault(k.line, join(path, "maxTokens"), "%v: want more than 0, at most 1000", most)
		return
	}
	if ratio = math.Floor(ratio*1000) / 1000; !(ratio > 0) { // gRFC A6: to three digits
		d.fault(k.line, join(path, "tokenRatio"), "%v: want 0.001 or more", ratio)
		return
	}
	c.Budget.Max, c.Budget.Start, c.Budget.Earn = most/2, most/2, ratio
}

// methodConfig reads a method config, and adds a section for each of its names.
// sections has the indexes of the sections, by pattern.
func (d *decoder) methodConfig(n *node, path string, c *policy.Config, sections map[string]int) {
	var patterns []named
	var m policy.Method
	d.section(n, path, []field{{"waitForReady", &m.WaitForReady}}, map[string]part{
		"name":                    func(k *key, path string) { patterns = d.names(k, path) },
		"timeout":                 func(k *key, path string) { d.protoDuration(k, path, &m.Timeout, true) },
		"retryPolicy":             func(k *key, path string) { d.retryPolicy(k, path, &m) },
		"hedgingPolicy":           func(k *key, path string) { d.hedgingPolicy(k, path, &m) },
		"maxRequestMessageBytes":  d.leave,
		"maxResponseMessageBytes": d.leave,
	})
	if name := n.get("name"); n.kind == object && (name == nil || len(name.value.items) == 0) {
		d.unused.fault(n.line, path, "without a name: applies to no method")
	}
	if n.get("retryPolicy") != nil && n.get("hedgingPolicy") != nil {
		d.fault(n.line, path, "retryPolicy and hedgingPolicy: want one of them")
	}
	for _, p := range patterns {
		m.Pattern = p.pattern
		first, again := sections[p.pattern]
		switch {
		case !again:
			sections[p.pattern] = len(c.Methods)
			c.Methods = append(c.Methods, m)
		case !reflect.DeepEqual(c.Methods[first], m):
			d.fault(p.line, p.path, "%s: given twice with other figures: want one config for each name", shown(p.pattern))
		}
	}
}

// named is a name of a method config.
type named struct {
	pattern string
	line    int
	path    string
}

// names reads the names of a method config as patterns. Without a name it
// configures nothing; one without a service stands for all methods.
func (d *decoder) names(k *key, path string) (patterns []named) {
	if k.value.kind != list {
		d.fault(k.line, path, "%s: want a list of names", k.value.describe())
		return nil
	}
	for i, item := range k.value.items {
		var service, method string
		at := indexed(path, i)
		d.section(item, at, nil, map[string]part{
			"service": func(k *key, path string) { d.text(k, path, &service) },
			"method":  func(k *key, path string) { d.text(k, path, &method) },
		})
		pattern := "/*"
		switch {
		case service == "" && method != "":
			d.fault(item.line, at, "method %s without a service: want both, or neither", shownQuoted(method))
			continue
		case service != "" && method == "":
			pattern = "/" + service + "/*"
		case service != "":
			pattern = "/" + service + "/" + method
		}
		if err := policy.ValidatePattern(pattern); err != nil || strings.Contains(service+method, "*") {
			d.fault(item.line, at, "service %s, method %s: want the names of a proto", shownQuoted(service), shownQuoted(method))
			continue
		}
		patterns = append(patterns, named{pattern, item.line, at})
	}
	return patterns
}

func (d *decoder) text(k *key, path string, to *string) {
	if k.value.kind != quoted {
		d.fault(k.line, path, "%s: want a string", k.value.describe())
	}
	*to = k.value.text
}

// protoDuration reads a duration as protobuf has it in JSON.
func (d *decoder) protoDuration(k *key, path string, to *time.Duration, zero bool) {
	v, err := time.ParseDuration(k.value.text)
	switch {
	case k.value.kind != quoted || err != nil || !protoSeconds.MatchString(k.value.text):
		d.fault(k.line, path, `%s: want seconds, as "0.5s"`, k.value.describe())
	case v < 0 && zero:
		d.fault(k.line, path, "%s: want 0s or more", k.value.describe())
	case v <= 0 && !zero:
		d.fault(k.line, path, "%s: want more than 0s", k.value.describe())
	default:
		*to = v
	}
}

var protoSeconds = regexp.MustCompile(`^-?(\d+|\d*\.\d{1,9})s$`)

// indexed returns the path of an item.
func indexed(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
