package interceptor

import (
	"errors"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/policy"
)

// WithQuotas sets limits of the server known in advance, instead of the limits in the
// [policy.Config]. Calls are paced to these limits, in order of arrival, before the server has
// to refuse a call. A call waits until its turn, its deadline or the end of its context, without
// a deadline as long as necessary. A call with a deadline before its turn ends at once and unsent,
// with RESOURCE_EXHAUSTED. By default no limits are known.
//
// A call takes one request, and the tokens and items of [WithCost]. A call refused or failed by
// the server takes nothing. Each Retrier counts alone, and counts nothing from before the start.
//
// Where a refusal names a lower limit for the same window, the lower one counts, and the log
// says so. [WithoutGate] switches all limits off.
func WithQuotas(quotas ...policy.Quota) Option {
	return connectionOption(func(c *connection) {
		c.fault(policy.ValidateQuotas(quotas))
		c.r.gating.quotas, c.r.gating.quotasSet = append([]policy.Quota(nil), quotas...), true
	})
}

// CostFunc returns the cost of a call in tokens and items: see [WithCost].
type CostFunc func(method string, req any) policy.Cost

// UsageFunc returns the cost of a call according to the reply, or false if the reply does not
// tell: see [WithUsage].
type UsageFunc func(method string, reply any) (policy.Cost, bool)

// WithCost makes f tell the cost of a call in tokens and items, for the limits of [WithQuotas].
// The tokens are also the size by which a closed gate tells small requests from large ones.
//
// f gets the request of a unary call, the first message of a stream, or the Request of a
// [CallInfo]; never nil. It may be called before every attempt and after every refusal, must
// not change the request, and must be safe for concurrent use. Before the first message of a
// stream the usual cost of the calls with the same key stands in.
//
// By default a request takes a token for every four bytes of its encoded size, and no items.
// google.Cost knows the requests of Gemini and Vertex AI.
func WithCost(f CostFunc) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithCost: nil: want a function"))
		}
		c.r.gating.cost = f
	})
}

// WithUsage makes f correct the cost of a call after the reply of a unary call or the first
// message of a stream. Tokens or items of 0 keep the estimate. f is called while limits are
// known, must not change the reply, and must be safe for concurrent use. google.Usage reads the
// usage metadata of Gemini and Vertex AI. By default estimates stand.
func WithUsage(f UsageFunc) Option {
	return connectionOption(func(c *connection) {
		if f == nil {
			c.fault(errors.New("interceptor: WithUsage: nil: want a function"))
		}
		c.r.gating.usage = f
	})
}

// bytesPerToken is the default estimate. Source: ai.google.dev/gemini-api/docs/tokens, "a token
// is equivalent to about 4 characters".
const bytesPerToken = 4

// mostTokens is more than any request has.
const mostTokens = 1 << 28

// tells reports whether the caller tells the cost of calls.
func (g *gating) tells() bool { return g.cost != nil || g.usage != nil }

// quotas returns the limits in force.
func (r *Retrier) quotas() []policy.Quota {
	if r.gating.quotasSet {
		return r.gating.quotas
	}
	return r.live.Load().Quotas
}

// cost returns what the call takes, and false if that is not known as yet.
func (c *call) cost() (cost policy.Cost, known bool) {
	switch {
	case c.takes != nil:
		return *c.takes, true
	case c.request == nil && c.sent == 0:
		return policy.Cost{}, false
	}
	return c.costOf(c.request, c.sent), true
}

// costOf returns what a request takes. size is in bytes, 0 if unknown.
func (t *target) costOf(request any, size int) policy.Cost {
	if f := t.r.gating.cost; f != nil && request != nil {
		return f(t.method, request)
	}
	if m, ok := request.(proto.Message); ok && size == 0 {
		size = proto.Size(m)
	}
	return policy.Cost{Tokens: int64(size+bytesPerToken-1) / bytesPerToken}
}

// size returns the size of the request in bytes, as far as known; 0 if unknown. If the caller
// tells the cost, the size is computed from the tokens.
func (c *call) size(cost policy.Cost) int {
	if c.r.gating.cost != nil {
		return bytesPerToken * int(min(max(cost.Tokens, 0), mostTokens))
	}
	if m, ok := c.request.(proto.Message); ok {
		return proto.Size(m)
	}
	return c.sent
}

// tellUsage corrects the cost of the call by its reply.
func (c *call) tellUsage(reply any) {
	f := c.r.gating.usage
	if f == nil || reply == nil || !c.place.counts() {
		return
	}
	if cost, ok := f(c.method, reply); ok {
		_ = c.place.uses(cost)
	}
}

// counts reports whether the attempt takes of a limit.
func (p *place) counts() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ticket.Counts()
}

// uses says what the attempt takes in fact, unless its outcome is known already. It reports
// whether there is no room for so much.
func (p *place) uses(cost policy.Cost) (over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.given {
		return false
	}
	p.ticket, over = p.r.gates.Used(p.key, p.ticket, cost)
	return over
}

// quotaLowered logs that a refusal has named a lower limit than the configuration.
func (r *Retrier) quotaLowered(l gates.Lowered) {
	r.logs.logOfNone(logging.LevelWarn, "[RETRY] the server allows "+l.To.String()+", less than the configured "+l.Was.String()+": going by the server",
		"retry.gate.key", r.loggedQuota(l.Key))
}
