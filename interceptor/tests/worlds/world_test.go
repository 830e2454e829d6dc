package worlds_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/policy"
)

// world is a connection with its configuration, and the calls that are made
// on it.
type world struct {
	config   policy.Config
	dice     float64 // what they show, always
	calls    []*plan
	parallel bool
}

// plan is a call: what the caller wants of it, and what becomes of its
// attempts.
type plan struct {
	id         int
	stream     bool
	begin      time.Duration // after the world did; for parallel calls
	deadline   time.Duration // after begin; zero for none
	cancel     time.Duration // likewise
	repeatable bool
	disabled   bool
	maxRetries int  // -1 for what the connection says
	header     bool // look at the header first
	abandon    int  // cancel and go away after so many messages; -1 to read on
	steps      []step
}

// step is what becomes of one attempt.
type step struct {
	refused  bool // by an interceptor on the right: it never is a stream
	delay    time.Duration
	header   bool // sent ahead
	messages int  // of a stream, a delay before each
	end      *status.Status
	pushback []string
}

// seconds returns a duration of some seconds that meets no other by chance.
func seconds(r *rand.Rand, n int) time.Duration {
	return time.Duration(1 + r.Int64N(int64(n)*int64(time.Second)))
}

// newWorld returns the world of a seed.
func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a test has to be repeatable, not secret
	w := &world{dice: grpctest.Of(r, 0, 0.999999, r.Float64()), parallel: grpctest.Once(r, 2)}
	w.config.Table = anyTable(r)
	most := 0
	for _, row := range w.config.Table {
		most = max(most, row.Retries)
	}
	w.config.Limits = policy.Limits{
		MaxAttempts:    grpctest.Of(r, 0, 0, most+1, most+2),
		MaxElapsed:     grpctest.Of(r, 0, 0, seconds(r, 5), seconds(r, 60)),
		MaxServerDelay: grpctest.Of(r, 0, 0, seconds(r, 20)),
	}
	tokens := grpctest.Of(r, 0.0, 1, 3, 100)
	w.config.Budget = policy.BudgetConfig{Max: tokens, Start: grpctest.Of(r, tokens, tokens/2), Earn: grpctest.Of(r, 0, 0.1, 1)}
	if err := w.config.Validate(); err != nil {
		t.Fatal(err)
	}
	for id := range 1 + r.IntN(6) {
		w.calls = append(w.calls, anyPlan(t, r, id))
	}
	return w
}

func anyTable(r *rand.Rand) policy.Table {
	table := policy.Default()
	if grpctest.Once(r, 4) {
		return table
	}
	for class := range table {
		base := grpctest.Of(r, 0, seconds(r, 5), seconds(r, 1))
		table[class] = policy.Policy{
			Retries: grpctest.Of(r, 0, 1, 2, 3, 4), Base: base, Max: base + grpctest.Of(r, 0, seconds(r, 30)), Multiplier: grpctest.Of(r, 1, 1.3, 2, 1e6),
			Jitter: grpctest.Of(r, policy.Above, policy.Full, policy.Equal, policy.Symmetric, policy.None),
		}
	}
	table[codes.None], table[codes.Ended] = policy.Policy{}, policy.Policy{}
	return table
}

func anyPlan(t *testing.T, r *rand.Rand, id int) *plan {
	t.Helper()
	p := &plan{
		id: id, stream: grpctest.Once(r, 2), begin: grpctest.Of(r, 0, seconds(r, 10)), repeatable: !grpctest.Once(r, 3), disabled: grpctest.Once(r, 12),
		maxRetries: grpctest.Of(r, -1, -1, -1, r.IntN(4)), header: grpctest.Once(r, 3), abandon: grpctest.Of(r, -1, -1, -1, -1, r.IntN(3)),
	}
	if grpctest.Once(r, 3) {
		p.deadline = grpctest.Of(r, seconds(r, 2), seconds(r, 30), seconds(r, 300))
	}
	if grpctest.Once(r, 4) {
		p.cancel = grpctest.Of(r, seconds(r, 2), seconds(r, 30))
	}
	mood := grpccodes.OK // a server that always fails in the same way, or none
	if grpctest.Once(r, 2) {
		mood = grpctest.Of(r, grpccodes.Unavailable, grpccodes.ResourceExhausted, grpccodes.Internal)
	}
	for range r.IntN(7) {
		s := step{
			refused: grpctest.Once(r, 10), delay: grpctest.Of(r, 0, 0, seconds(r, 3)), header: grpctest.Once(r, 4), messages: grpctest.Of(r, 0, 0, 0, 1, 3),
			end: anyStatus(t, r, mood), pushback: anyPushback(r),
		}
		if s.refused {
			s.end = status.Convert(grpctest.ErrUnreachable)
		}
		p.steps = append(p.steps, s)
	}
	p.steps = append(p.steps, step{delay: grpctest.Of(r, 0, seconds(r, 3)), header: grpctest.Once(r, 4), messages: r.IntN(4)})
	if grpctest.Once(r, 8) { // one that hangs
		p.steps[len(p.steps)-1].delay = time.Hour
	}
	return p
}

// anyStatus returns a failure as a server sends it, of any code if none is
// given.
func anyStatus(t *testing.T, r *rand.Rand, code grpccodes.Code) *status.Status {
	t.Helper()
	if code == grpccodes.OK {
		code = grpccodes.Code(1 + r.IntN(17)) //nolint:gosec // one more than grpc knows
	}
	st := status.New(code, fmt.Sprintf("status %d", r.IntN(1000)))
	var details []protoadapt.MessageV1
	if grpctest.Once(r, 3) {
		delay := grpctest.Of(r, seconds(r, 10), seconds(r, 100), 0, -time.Second, 1000*time.Hour)
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	}
	if grpctest.Once(r, 20) {
		details = append(details, &errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: -1 << 62, Nanos: 1 << 30}})
	}
	if grpctest.Once(r, 5) {
		details = append(details, &errdetails.ErrorInfo{Reason: grpctest.Of(r, "RATE_LIMIT_EXCEEDED", "ACCESS_TOKEN_EXPIRED", "SOMETHING"), Domain: "googleapis.com"})
	}
	if len(details) == 0 {
		return st
	}
	st, err := st.WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func anyPushback(r *rand.Rand) []string {
	if !grpctest.Once(r, 5) {
		return nil
	}
	return grpctest.Of(r, []string{strconv.Itoa(r.IntN(5000))}, []string{"0"}, []string{"-1"}, []string{"soon"}, []string{"1", "1"},
		[]string{"9223372036854775807"}, []string{"9223372036855"}, []string{"99999999999999999999"})
}

// step returns what becomes of attempt n, counted from 0.
func (p *plan) step(n int) step { return p.steps[min(n, len(p.steps)-1)] }

// stopped reports whether a server that answers so wants no retry.
func (s step) stopped() bool {
	switch len(s.pushback) {
	case 0:
		return false
	case 1:
		var ms int64
		n, err := fmt.Sscanf(s.pushback[0], "%d", &ms)
		return n != 1 || err != nil || ms < 0 || ms > 1e9
	}
	return true
}

// options are those of the call.
func (p *plan) options() []interceptor.CallOption {
	var opts []interceptor.CallOption
	if p.repeatable {
		opts = append(opts, interceptor.Repeatable())
	}
	if p.disabled {
		opts = append(opts, interceptor.Disable())
	}
	if p.maxRetries >= 0 {
		opts = append(opts, interceptor.MaxRetries(p.maxRetries))
	}
	return opts
}

// limits returns the table and the limits that apply to the call.
func (w *world) limits(p *plan) (policy.Table, policy.Limits) {
	table, limits := w.config.Table, w.config.Limits
	if p.maxRetries >= 0 {
		limits.MaxAttempts = min(limits.Effective(&table).MaxAttempts, p.maxRetries+1)
		table = table.Capped(p.maxRetries)
	}
	return table, limits.Effective(&table)
}
