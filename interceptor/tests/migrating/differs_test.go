package migrating_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// thrice are three attempts at intervals of d, theirs and as the page has them.
func thrice(d time.Duration) []grpc.DialOption {
	return middleware(retry.WithMax(3), retry.WithBackoff(retry.BackoffLinear(d)))
}

func thriceOurs(d time.Duration, more ...interceptor.Option) []grpc.DialOption {
	opts := []interceptor.Option{interceptor.WithTable(policy.Table{codes.Other: linear(2, d)}), asBefore(theirDefault), interceptor.Repeatable()}
	return retrytest.DialOptions(append(opts, more...)...)
}

// TestMigrating_middlewareDiffers: where ours does otherwise, the page says so, and says
// what undoes it.
func TestMigrating_middlewareDiffers(t *testing.T) {
	down := refusals(grpccodes.Unavailable, grpccodes.Unavailable, grpccodes.Unavailable)
	st, err := status.New(grpccodes.ResourceExhausted, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(20 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	later := script{st.Err()}
	hour := policy.Limits{MaxElapsed: time.Hour}
	blind := codes.Rule{Codes: theirDefault.Codes, MinHint: math.MaxInt64}
	seconds := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	for _, tt := range []struct {
		name, says   string
		script       script
		theirs, ours []grpc.DialOption
		deadline     time.Duration
		wantTheirs   playback
		wantOurs     playback
	}{
		{
			name: "a wait past the deadline", says: "ends at once, with the server's status", script: down, theirs: thrice(tick), ours: thriceOurs(tick), deadline: 150 * time.Millisecond,
			wantTheirs: playback{2, []time.Duration{tick}, 150 * time.Millisecond, grpccodes.DeadlineExceeded, ""},
			wantOurs:   playback{2, []time.Duration{tick}, tick, grpccodes.Unavailable, "by the script"},
		},
		{
			name: "a hint", says: "A delay that the server asks for replaces the backoff", script: later, theirs: thrice(tick), ours: thriceOurs(tick),
			wantTheirs: playback{Attempts: 2, Gaps: []time.Duration{tick}, Took: tick},
			wantOurs:   playback{Attempts: 2, Gaps: []time.Duration{seconds(20)}, Took: seconds(20)},
		},
		{
			name: "a hint that is not believed", says: "`MinHint: math.MaxInt64`", script: later, theirs: thrice(tick), ours: retrytest.DialOptions(interceptor.WithTable(policy.Table{codes.Other: linear(2, tick)}), asBefore(blind), interceptor.Repeatable()),
			wantTheirs: playback{Attempts: 2, Gaps: []time.Duration{tick}, Took: tick},
			wantOurs:   playback{Attempts: 2, Gaps: []time.Duration{tick}, Took: tick},
		},
		{
			name: "a long call", says: "later than 10 minutes after the first attempt ended", script: down, theirs: thrice(6 * time.Minute), ours: thriceOurs(6 * time.Minute),
			wantTheirs: playback{3, []time.Duration{6 * time.Minute, 6 * time.Minute}, 12 * time.Minute, grpccodes.Unavailable, "by the script"},
			wantOurs:   playback{2, []time.Duration{6 * time.Minute}, 6 * time.Minute, grpccodes.Unavailable, "by the script"},
		},
		{
			name: "a long call that may be", says: "`WithLimits(policy.Limits{MaxElapsed: ...})`", script: down[:2], theirs: thrice(6 * time.Minute), ours: thriceOurs(6*time.Minute, interceptor.WithLimits(hour)),
			wantTheirs: playback{Attempts: 3, Gaps: []time.Duration{6 * time.Minute, 6 * time.Minute}, Took: 12 * time.Minute},
			wantOurs:   playback{Attempts: 3, Gaps: []time.Duration{6 * time.Minute, 6 * time.Minute}, Took: 12 * time.Minute},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			named(t, tt.says)
			wantSamePlay(t, tt.wantTheirs, tt.script.play(t, migrant{dial: tt.theirs, make: grpctest.CallUnaryOnce}, tt.deadline))
			wantSamePlay(t, tt.wantOurs, tt.script.play(t, migrant{dial: tt.ours, make: grpctest.CallUnaryOnce}, tt.deadline))
		})
	}
}

// TestMigrating_middlewareBudget: theirs has none; the 100 tokens of ours end a long outage's
// retries, and without them each call has its own.
func TestMigrating_middlewareBudget(t *testing.T) {
	named(t, "100 tokens bound the retries of a connection")
	attempts := func(dial []grpc.DialOption) (n int) {
		synctest.Test(t, func(t *testing.T) {
			s := &grpctest.Server{Unary: func(context.Context, int, *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
				return nil, refused(grpccodes.Unavailable)
			}}
			conn := grpctest.Serve(t, s, dial...)
			for range 100 {
				_ = grpctest.CallUnaryOnce(t.Context(), conn)
			}
			n = s.Attempts()
		})
		return n
	}
	for _, tt := range []struct {
		name string
		dial []grpc.DialOption
		want int
	}{
		{"theirs", thrice(tick), 300},
		{"ours", thriceOurs(tick), 200},
		{"ours without a budget", thriceOurs(tick, interceptor.WithoutBudget()), 300},
	} {
		if got := attempts(tt.dial); got != tt.want {
			t.Errorf("%s: got %d attempts, want %d", tt.name, got, tt.want)
		}
	}
}

// TestMigrating_middlewareTells: the callback of theirs and the observer of ours are told
// of the same retries, ours before the wait, theirs after it; the server is told by
// metadata of another name; and only theirs returns the server's error itself.
func TestMigrating_middlewareTells(t *testing.T) {
	for _, says := range []string{"before the wait", "`grpc-previous-rpc-attempts` (gRFC A6)", "is an `*interceptor.Error` with the same status"} {
		named(t, says)
	}
	type told struct {
		attempt int
		code    grpccodes.Code
		after   time.Duration
	}
	codesOf := refusals(grpccodes.Unavailable, grpccodes.ResourceExhausted, grpccodes.Unavailable)
	run := func(dial func(tell func(attempt int, err error)) []grpc.DialOption, key string) (list []told, keys []string, err error) {
		synctest.Test(t, func(t *testing.T) {
			s, began := codesOf.server(), time.Now()
			conn := grpctest.Serve(t, s, dial(func(attempt int, err error) {
				list = append(list, told{attempt, status.Code(err), time.Since(began)})
			})...)
			err = grpctest.CallUnaryOnce(t.Context(), conn)
			for _, md := range s.Metadata() {
				keys = append(keys, md.Get(key)...)
			}
		})
		return list, keys, err
	}
	theirs, theirKeys, theirErr := run(func(tell func(int, error)) []grpc.DialOption {
		return middleware(retry.WithMax(3), retry.WithBackoff(retry.BackoffLinear(tick)),
			retry.WithOnRetryCallback(func(_ context.Context, attempt uint, err error) { tell(int(attempt), err) }))
	}, retry.AttemptMetadataKey)
	ours, ourKeys, ourErr := run(func(tell func(int, error)) []grpc.DialOption {
		return thriceOurs(tick, interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
			if e.Outcome == interceptor.Pending && e.Decision.Retry {
				tell(e.Attempt, e.Err)
			}
		}))
	}, "grpc-previous-rpc-attempts")
	if want := []told{{1, grpccodes.Unavailable, tick}, {2, grpccodes.ResourceExhausted, 2 * tick}}; !slices.Equal(theirs, want) {
		t.Errorf("theirs was told %v, want %v", theirs, want)
	}
	if want := []told{{1, grpccodes.Unavailable, 0}, {2, grpccodes.ResourceExhausted, tick}}; !slices.Equal(ours, want) {
		t.Errorf("ours was told %v, want %v", ours, want)
	}
	if want := []string{"1", "2"}; !slices.Equal(theirKeys, want) || !slices.Equal(ourKeys, want) {
		t.Errorf("the servers were told %v and %v, want %v", theirKeys, ourKeys, want)
	}
	var own *interceptor.Error
	if !errors.As(ourErr, &own) || errors.As(theirErr, &own) || status.Convert(ourErr).String() != status.Convert(theirErr).String() {
		t.Errorf("theirs: %v, ours: %v, want an *Error of ours with the same status", theirErr, ourErr)
	}
}

// TestMigrating_middlewareNoConnection: theirs spends its attempts while grpc waits to
// dial again; ours waits for the connection.
func TestMigrating_middlewareNoConnection(t *testing.T) {
	named(t, "While there is no connection, the next attempt waits for one")
	call := func(dial []grpc.DialOption) (attempts int, err error) {
		synctest.Test(t, func(t *testing.T) {
			o := &grpctest.Outage{Service: script{}.server()}
			dial := append(dial, grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: time.Second}))
			conn := o.Connect(t, dial...)
			time.AfterFunc(5*tick, o.Start)
			err = grpctest.CallUnaryOnce(t.Context(), conn)
			attempts = o.Service.Attempts()
			time.Sleep(5 * tick) // the server has started, and is stopped with the rest
		})
		return attempts, err
	}
	if n, err := call(thrice(tick)); status.Code(err) != grpccodes.Unavailable || n != 0 {
		t.Errorf("theirs: got %d attempts and %v, want none to arrive, and UNAVAILABLE", n, err)
	}
	if n, err := call(thriceOurs(tick)); err != nil || n != 1 {
		t.Errorf("ours: got %d attempts and %v, want one and an answer", n, err)
	}
}
