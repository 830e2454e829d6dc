package interceptor

import (
	"context"
	"net/url"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
)

// GateKeyFunc names the quota of a call: calls with the same key wait at the same gate. ctx
// has the outgoing metadata of the call, as far as known at the interceptor's place in the
// chain. A GateKeyFunc must be quick, and safe for concurrent use.
type GateKeyFunc func(ctx context.Context, method string) string

// The metadata keys that tell which quota of Google's services a call counts against.
const (
	requestParams = "x-goog-request-params" // such as "model=models%2Fx"
	userProject   = "x-goog-user-project"
)

// GateKey is the default key: the method, the model or endpoint in x-goog-request-params,
// and x-goog-user-project. Methods of Google's services that do the same work in another
// form, such as StreamGenerateContent and GenerateContent, count as one. To add to the key,
// call GateKey in your own [GateKeyFunc].
func GateKey(ctx context.Context, method string) string {
	md, ok := metadata.FromOutgoingContext(ctx)
	if !ok {
		return group(method)
	}
	key := []string{group(method)}
	for _, params := range md[requestParams] {
		if values, err := url.ParseQuery(params); err == nil {
			for _, name := range []string{"model", "endpoint"} {
				if v := values.Get(name); v != "" {
					key = append(key, name+"="+v)
				}
			}
		}
	}
	for _, project := range md[userProject] {
		key = append(key, "project="+project)
	}
	return strings.Join(key, " ")
}

// group returns the method, or the common name of methods that do the same work.
func group(method string) string {
	slash := strings.LastIndexByte(method, '/')
	if slash < 0 || !strings.HasPrefix(method, "/google.") {
		return method
	}
	name := method[slash+1:]
	for _, form := range []string{"ServerStreaming", "Streaming", "Stream", "Bidi", "Batch", "Direct", "Raw"} {
		if rest := strings.TrimPrefix(name, form); rest != "" {
			name = rest
		}
	}
	return method[:slash+1] + strings.TrimSuffix(name, "s")
}

// gateKey returns the key of the call. A target with the key of an earlier place, such as
// another price for the same model, adds its name.
func (c *call) gateKey() gates.Key {
	c.resolve()
	k := c.keyOf(c.ctx, c.to(), c.info)
	if c.name == "" || c.route == nil {
		return k
	}
	for i := range c.route.at {
		if s := &c.route.stops[i]; s.ctx != nil && k == c.keyOf(s.ctx, s.to, s.info) {
			k.Quota += " target=" + c.name
			break
		}
	}
	return k
}

// keyOf returns the key of a call with this context to this server.
func (c *call) keyOf(ctx context.Context, to string, info *CallInfo) (k gates.Key) {
	if c.knobs.quota != "" {
		return gates.Key{Quota: "quota=" + c.knobs.quota}
	}
	k.Target = to
	if f := c.r.gating.key; f != nil {
		k.Quota = f(ctx, c.method)
	} else {
		k.Quota = GateKey(ctx, c.method)
	}
	if info != nil {
		k.Quota += info.quota(c.r)
	}
	return k
}
