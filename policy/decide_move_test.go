package policy_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// moves reports whether the call has to go on at another target: again a formulation of
// its own, each condition alone.
func (o *oracle) moves() bool {
	s, f := &o.s, &o.f
	refused := o.class == codes.Quota || o.class == codes.Spent
	troubled := o.class == codes.Server || o.class == codes.Timeout || o.class == codes.Network
	sameServer := s.Elsewhere == policy.SameConnection
	safeToRepeat := s.Repeatable || f.Reach == codes.Unsent ||
		(!f.MayHaveRun && (refused || (f.Code == grpccodes.Unavailable && f.Reach == codes.Answered)))
	least := o.leastMove()
	tokens := s.Tokens
	if s.OwnTimeout {
		tokens = s.Earned
	}
	starts := new(big.Int).Add(largest(new(big.Int), number(s.Elapsed)), least)
	for _, need := range []bool{
		s.Elsewhere != policy.Nowhere,
		refused || troubled,
		safeToRepeat,
		s.Attempts < o.attempts,
		!sameServer || !f.Pushback.Set || (!f.Pushback.Stop && f.Pushback.Delay >= 0),
		refused || o.row.Retries > 0,
		refused || (!math.IsNaN(tokens) && tokens >= 1),
		least.Cmp(o.delay) <= 0,
		starts.Cmp(o.elapsed) <= 0,
		!s.Deadline || least.Cmp(number(s.Remaining)) < 0,
	} {
		if !need {
			return false
		}
	}
	return true
}

// leastMove returns the least wait before a move.
func (o *oracle) leastMove() *big.Int {
	if o.s.Elsewhere == policy.SameConnection && o.class != codes.Quota && o.class != codes.Spent {
		return o.floor
	}
	return new(big.Int)
}

// checkMove checks what is promised of a move.
func checkMove(o *oracle, d policy.Decision, fail func(format string, args ...any)) {
	most := o.ceiling
	if o.leastMove().Sign() == 0 && o.s.Elsewhere != policy.SameConnection {
		most = new(big.Int)
	}
	pays := policy.Tokens
	switch {
	case o.class == codes.Quota, o.class == codes.Spent:
		pays, most = policy.Free, new(big.Int)
	case o.s.OwnTimeout:
		pays = policy.Earned
	}
	start := new(big.Int).Add(largest(new(big.Int), number(o.s.Elapsed)), number(d.Wait))
	switch {
	case !d.Retry, d.Why != policy.NextTarget, d.Pays != pays:
		fail("got %+v, want a move paid by %v", d, pays)
	case number(d.Wait).Cmp(o.leastMove()) < 0, number(d.Wait).Cmp(most) > 0:
		fail("wait %v, want %v to %v", d.Wait, o.leastMove(), most)
	case start.Cmp(o.elapsed) > 0, o.s.Deadline && d.Wait > 0 && d.Wait >= o.s.Remaining:
		fail("wait %v is past a limit", d.Wait)
	}
	counted := o.s.Count(d)
	if counted.Attempts != o.s.Attempts+1 || counted.Retries != o.s.Retries || counted.Exponents != o.s.Exponents {
		fail("counted as %+v, want an attempt and no retry", counted)
	}
}

// TestDecide_move: the figures of a move, by example.
func TestDecide_move(t *testing.T) {
	table := policy.Default()
	for name, c := range map[string]struct {
		to    policy.Elsewhere
		class codes.Class
		want  policy.Decision
	}{
		"a quota":                         {policy.SameConnection, codes.Quota, policy.Decision{Retry: true, Move: true}},
		"a spent quota":                   {policy.SameConnection, codes.Spent, policy.Decision{Retry: true, Move: true}},
		"a server, another connection":    {policy.OtherConnection, codes.Server, policy.Decision{Retry: true, Move: true, Pays: policy.Tokens}},
		"a server, the same connection":   {policy.SameConnection, codes.Server, policy.Decision{Retry: true, Move: true, Wait: 2 * time.Second, Pays: policy.Tokens}},
		"a network, the same connection":  {policy.SameConnection, codes.Network, policy.Decision{Retry: true, Move: true, Wait: time.Second, Pays: policy.Tokens}},
		"a timeout, another connection":   {policy.OtherConnection, codes.Timeout, policy.Decision{Retry: true, Move: true, Pays: policy.Tokens}},
		"a wrong request":                 {policy.OtherConnection, codes.Request, policy.Decision{Why: policy.NeverRetried}},
		"wrong credentials":               {policy.OtherConnection, codes.Auth, policy.Decision{Why: policy.NeverRetried}},
		"a transaction to be begun again": {policy.OtherConnection, codes.Conflict, policy.Decision{Why: policy.NeverRetried}},
	} {
		c.want.Class = c.class
		if c.want.Move {
			c.want.Why = policy.NextTarget
		}
		s := policy.State{Table: &table, Attempts: 1, Repeatable: true, Tokens: 1, Elsewhere: c.to}
		f := codes.Failure{Class: c.class, Code: grpccodes.Unavailable, Reach: codes.Answered}
		if got := policy.Decide(s, f, 0); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}
