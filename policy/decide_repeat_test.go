package policy_test

import (
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// everyClass is a table that retries whatever can be retried, so that only
// the other rules are seen at work.
func everyClass() *policy.Table {
	var t policy.Table
	for class := range t {
		t[class] = policy.Policy{Retries: 5, Base: time.Second, Max: time.Minute, Multiplier: 2}
	}
	t[codes.None].Retries, t[codes.Ended].Retries = 0, 0
	return &t
}

// eachFailure calls do with every combination that repeatability could hang
// on.
func eachFailure(do func(codes.Failure)) {
	for class := range codes.Class(codes.NumClasses) {
		for _, reach := range []codes.Reach{codes.Lost, codes.Unsent, codes.Answered} {
			for code := range grpccodes.Code(18) { // one more than gRPC knows
				for _, mayHaveRun := range []bool{false, true} {
					do(codes.Failure{Class: class, Code: code, Reach: reach, MayHaveRun: mayHaveRun})
				}
			}
		}
	}
}

func TestDecide_repeatability(t *testing.T) {
	for _, canRefresh := range []bool{false, true} {
		s := policy.State{Table: everyClass(), Attempts: 1, Tokens: 100, CanRefresh: canRefresh}
		allowed := 0
		eachFailure(func(f codes.Failure) {
			if f.Class == codes.None || f.Class == codes.Ended {
				return
			}
			// The whole list of what may be sent again although the method
			// may not run twice; REFUSED_STREAM arrives as Unsent.
			refreshed := canRefresh && f.Class == codes.Auth &&
				f.Reach == codes.Answered && f.Code == grpccodes.Unauthenticated
			want := f.Reach == codes.Unsent ||
				(!f.MayHaveRun && (f.Class == codes.Quota || f.Class == codes.Expired || refreshed ||
					(f.Reach == codes.Answered && f.Code == grpccodes.Unavailable)))
			d := policy.Decide(s, f, 0)
			if d.Retry != want {
				t.Errorf("%v, %v, %v, may have run %v, can refresh %v: got %+v, want retry %v",
					f.Class, f.Reach, f.Code, f.MayHaveRun, canRefresh, d, want)
			}
			if !want && d.Why != policy.NotRepeatable {
				t.Errorf("%v, %v, %v: got %v, want %v", f.Class, f.Reach, f.Code, d.Why, policy.NotRepeatable)
			}
			if want {
				allowed++
			}

			s := s
			s.Repeatable = true
			if d := policy.Decide(s, f, 0); !d.Retry {
				t.Errorf("%v, %v, %v, repeatable: got %+v, want a retry", f.Class, f.Reach, f.Code, d)
			}
		})
		if allowed == 0 {
			t.Errorf("can refresh %v: nothing was allowed, want the list to be seen at work", canRefresh)
		}
	}
}

// TestDecide_refresh: UNAUTHENTICATED counts as Expired where the credentials
// can be refreshed, and only there.
func TestDecide_refresh(t *testing.T) {
	can := func(s *policy.State) { s.CanRefresh = true }
	refused := codes.Failure{Class: codes.Auth, Code: grpccodes.Unauthenticated, Reach: codes.Answered}
	with := func(change func(*codes.Failure)) codes.Failure {
		f := refused
		change(&f)
		return f
	}
	refresh := again(codes.Expired, 0, policy.Refresh)
	no := never(codes.Auth, policy.NeverRetried)
	expired := with(func(f *codes.Failure) { f.Class = codes.Expired })
	denied := with(func(f *codes.Failure) { f.Code = grpccodes.PermissionDenied })
	lost := with(func(f *codes.Failure) { f.Reach = codes.Lost })
	unsent := with(func(f *codes.Failure) { f.Reach = codes.Unsent })
	hinted := with(func(f *codes.Failure) { f.Delay = time.Second })
	once := firstFailure(can, func(s *policy.State) { s.Repeatable = false })

	runDecideCases(t, []decideCase{
		{"refused, and a refresh is possible", firstFailure(can), refused, 0.5, refresh},
		{"refused, and none is possible", firstFailure(), refused, 0.5, no},
		{"it may run twice, since the server did nothing", once, refused, 0.5, refresh},
		{"an expired token needs no hook of ours", firstFailure(), expired, 0.5, refresh},
		{"no right is no expired token", firstFailure(can), denied, 0.5, no},
		{"a status that the peer may not have sent", firstFailure(can), lost, 0.5, no},
		{"a failure of our own", firstFailure(can), unsent, 0.5, no},
		{"a delay is waited out before it", firstFailure(can), hinted, 0, again(codes.Expired, time.Second, policy.Hint)},
		{
			"once only, counted as Expired", firstFailure(can, retried(codes.Expired, 1)), refused, 0.5,
			never(codes.Expired, policy.ClassExhausted),
		},
		{
			"a pushback says stop here too", firstFailure(can), stopped(refused), 0.5,
			never(codes.Expired, policy.PushbackStop),
		},
	})

	t.Run("the retry counts against Expired", func(t *testing.T) {
		s := firstFailure(can)
		s = s.Count(policy.Decide(s, refused, 0))
		if s.Retries[codes.Expired] != 1 || s.Retries[codes.Auth] != 0 {
			t.Errorf("got %d retries for Expired and %d for Auth, want 1 and 0", s.Retries[codes.Expired], s.Retries[codes.Auth])
		}
	})
	t.Run("a table without a row for Expired does not refresh", func(t *testing.T) {
		s := firstFailure(can)
		table := *s.Table
		table[codes.Expired] = policy.Policy{}
		s.Table = &table
		if got, want := policy.Decide(s, refused, 0), never(codes.Expired, policy.NeverRetried); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// TestDecide_whoPays: which account a retry is paid from, and that this one
// alone is asked.
func TestDecide_whoPays(t *testing.T) {
	const s = time.Second
	inferred := quota(60 * s)
	inferred.Asked = false
	askedForNothing := quota(0)
	askedForNothing.Asked = true
	serverHint := unavailable()
	serverHint.Delay, serverHint.Asked = s, true
	timeout := codes.Failure{Class: codes.Timeout, Code: grpccodes.DeadlineExceeded}
	cases := []struct {
		name       string
		failure    codes.Failure
		ownTimeout bool
		want       policy.Account
	}{
		{"a retry costs a token", unavailable(), false, policy.Tokens},
		{"a server's hint does not make it free", serverHint, false, policy.Tokens},
		{"a quota's hint does", quota(s), false, policy.Free},
		{"a quota's hint with a pushback does", pushedBack(quota(s), 0), false, policy.Free},
		{"a quota without a hint does not", quota(0), false, policy.Tokens},
		{"a quota with a pushback alone does not", pushedBack(quota(0), s), false, policy.Tokens},
		{"a delay that was inferred does not", inferred, false, policy.Tokens},
		{"an asked delay of zero does not", askedForNothing, false, policy.Tokens},
		{"a server that timed out costs a token", timeout, false, policy.Tokens},
		{"a timeout of our own has to be earned", timeout, true, policy.Earned},
		{"whatever it is classified as", unavailable(), true, policy.Earned},
		{"even with a hint", quota(s), true, policy.Earned},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			poor := firstFailure(func(s *policy.State) { s.OwnTimeout, s.Tokens, s.Earned = c.ownTimeout, 0.999, 0.999 })
			rich, other := poor, poor // one token in the account that pays; plenty in the one that does not
			switch c.want {
			case policy.Tokens:
				rich.Tokens, other.Earned = 1, 10
			case policy.Earned:
				rich.Earned, other.Tokens = 1, 100
			case policy.Free:
			}
			if got := policy.Decide(rich, c.failure, 0); !got.Retry || got.Pays != c.want {
				t.Errorf("with a token of %v alone: got %+v, want a retry that it pays for", c.want, got)
			}
			if c.want == policy.Free {
				return
			}
			if got := policy.Decide(poor, c.failure, 0); got.Why != policy.BudgetExhausted {
				t.Errorf("without a token: got %+v, want %v", got, policy.BudgetExhausted)
			}
			if got := policy.Decide(other, c.failure, 0); got.Why != policy.BudgetExhausted {
				t.Errorf("with tokens of the other account: got %+v, want %v", got, policy.BudgetExhausted)
			}
		})
	}
}
