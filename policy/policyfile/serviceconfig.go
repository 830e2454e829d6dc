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
// *_grpc_service_config.json published by Google beside its protos, and returns the equivalent
// configuration: the methodConfig with timeout, waitForReady, retryPolicy and hedgingPolicy,
// and the retryThrottling. All these parts are checked against gRFC A6. The error is like the
// error of [Load].
//
// A method without a retryPolicy is not retried, as in gRPC. A method with a retryPolicy may
// run twice, on the word of its service. Failures with the named codes are retried, except
// failures known to be permanent, such as an exhausted daily quota. The figures are from gRFC
// A6: at most five attempts, and a jitter of 0.8 to 1.2.
//
// Three things forbidden by gRFC A6 are allowed, since many of Google's files contain them: a
// missing maxAttempts, meaning the maximum of five; an empty retryableStatusCodes, meaning no
// retries; and a name given twice with the same figures. As in grpc-go, the case of field names
// does not matter.
//
// Differences from gRPC: RetryInfo and the server's texts are heeded. Each class of failure has
// its own exponent. A retry costs a token, while in gRPC every failure does, so retryThrottling
// becomes a budget of half of maxTokens. Without retryThrottling the budget is
// policy.DefaultBudget. The gate is always policy.DefaultGate. Load balancing, health checks
// and message sizes are left to gRPC and skipped. A backoffMultiplier below 1 counts as 1.
// [ReadServiceConfig] names the skipped and changed parts.
func FromServiceConfig(r io.Reader) (policy.Config, error) {
	c, _, err := ReadServiceConfig(r)
	return c, err
}

// ReadServiceConfig is [FromServiceConfig], and also reports the parts of the service config
// that are ignored or changed: members such as loadBalancingConfig
// (grpc.WithDefaultServiceConfig still passes them to gRPC), a method config without a name,
// and changed figures. Each warning has a line and a field, and is meant for a log: the
// configuration is valid. There are at most 20 warnings, sorted by line, and then a last
// warning with the number of the others. With an error, there are no warnings.
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
	if d.found == 0 { // any remaining error is found by our own validation
		for _, text := range texts(c.Validate()) {
			d.fault(0, "", "%s", shownPattern(text))
		}
	}
	if err := d.err(); err != nil {
		return policy.Config{}, nil, err
	}
	return c, d.unused.list(), nil
}

// speller maps folded names to the field names of a service config.
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

// fold returns equal results for an ASCII name and every name equal by strings.EqualFold.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// spell corrects the case of field names in a service config. Call spell before the first
// lookup of an entry by name.
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

// skip ignores an entry read elsewhere.
func skip(*key, string) {}

// leave ignores an entry with a warning, since only gRPC can apply the entry.
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

// throttling reads retryThrottling. In gRPC, retries may spend half of the tokens.
func (d *decoder) throttling(k *key, path string, c *policy.Config) {
	var most, ratio float64
	d.section(k.value, path, []field{{"maxTokens", &most}, {"tokenRatio", &ratio}}, nil)
	if !(most > 0 && most <= 1000) {
		d.fault(k.line, join(path, "maxTokens"), "%v: want more than 0, at most 1000", most)
		return
	}
	if ratio = math.Floor(ratio*1000) / 1000; !(ratio > 0) { // gRFC A6: three decimal digits count
		d.fault(k.line, join(path, "tokenRatio"), "%v: want 0.001 or more", ratio)
		return
	}
	c.Budget.Max, c.Budget.Start, c.Budget.Earn = most/2, most/2, ratio
}

// methodConfig reads a method config, and adds a section for each of its names. sections holds
// the index of each section by pattern.
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

// named is a name in a method config.
type named struct {
	pattern string
	line    int
	path    string
}

// names reads the names of a method config as patterns. A config without names applies to no
// method; a name without a service stands for all methods.
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

// protoDuration reads a duration in the JSON form of protobuf.
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

// indexed returns the path of a list item.
func indexed(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
