package interceptor_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// TestHooks_aPanicCostsNoToken: the token of a retry is taken before the
// retry is announced. If the announcement panics there is no retry.
func TestHooks_aPanicCostsNoToken(t *testing.T) {
	angry := false
	hooks := map[string]interceptor.Option{
		"observer": interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
			if angry && e.Decision.Retry {
				panic(errors.New("hook"))
			}
		}),
		"logger": interceptor.WithLogger(logging.LoggerFunc(func(_ context.Context, level logging.Level, _ string, _ ...any) {
			if angry && level == logging.LevelWarn {
				panic(errors.New("hook"))
			}
		})),
	}
	calls := map[string]func(t *testing.T, r *interceptor.Retrier, conn *grpc.ClientConn, err error) error{
		"unary": func(t *testing.T, _ *interceptor.Retrier, conn *grpc.ClientConn, _ error) error {
			_, err := grpctest.CallUnary(t.Context(), conn)
			return err
		},
		"stream": func(t *testing.T, _ *interceptor.Retrier, conn *grpc.ClientConn, _ error) error {
			_, err := grpctest.Drain(grpctest.Open(t, t.Context(), conn))
			return err
		},
		"stream that is not there": func(t *testing.T, r *interceptor.Retrier, _ *grpc.ClientConn, err error) error {
			opening := grpctest.Refuse(err)
			_, got := r.Stream()(t.Context(), grpctest.ServerStream, nil, grpctest.StreamMethod, func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
				return opening(ctx, desc, cc, method, func(ctx context.Context, _ *grpc.StreamDesc, _ *grpc.ClientConn, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
					return &grpctest.Fake{Ctx: ctx}, nil
				}, opts...)
			})
			return got
		},
		"function": func(t *testing.T, r *interceptor.Retrier, _ *grpc.ClientConn, err error) error {
			failed := false
			return r.Do(t.Context(), "f", func(context.Context) error {
				if failed {
					return nil
				}
				failed = true
				return err
			})
		},
	}
	for _, retry := range []struct {
		name string
		err  error // the first attempt of each call fails with it
		left float64
	}{{"a token", grpctest.ErrOverloaded, 4}, {"nothing", grpctest.RefusedByQuota(t), 5}} {
		for hook, option := range hooks {
			for call, invoke := range calls {
				t.Run(hook+", "+call+" whose retry costs "+retry.name, func(t *testing.T) {
					s := &grpctest.Server{
						Unary: func(ctx context.Context, n int, in *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
							return grpctest.RefuseFirst(1, retry.err)(ctx, n-1, in) // the first is that of the panic
						},
						Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
							return grpctest.FailFirst([]error{retry.err}, "one")(max(n-1, 1), in, out)
						},
					}
					synctest.Test(t, func(t *testing.T) {
						b, err := policy.NewBudget(policy.BudgetConfig{Max: 10, Start: 5, EarnedMax: 10})
						if err != nil {
							t.Fatal(err)
						}
						r := interceptor.New(interceptor.Repeatable(), interceptor.WithBudget(b), option)
						conn := grpctest.Serve(t, s, r.DialOptions()...)
						angry = true
						if got := grpctest.MustPanic(t, func() { _ = invoke(t, r, conn, retry.err) }); got != "hook" {
							t.Errorf("got panic %q, want the hook's", got)
						}
						angry = false
						if tokens, earned := r.Budget().Held(); tokens != 5 || earned != 0 {
							t.Errorf("after the panic the budget holds %v and %v, want 5 and 0 as before", tokens, earned)
						}
						if err := invoke(t, r, conn, retry.err); err != nil {
							t.Errorf("after the panic: %v", err)
						}
						if tokens, earned := r.Budget().Held(); tokens != retry.left || earned != 0 {
							t.Errorf("after a retry the budget holds %v and %v, want %v and 0", tokens, earned, retry.left)
						}
					})
				})
			}
		}
	}
}

// inTime runs f, and fails the test if it does not return: it waits for a lock
// then. It is of no use in a bubble, whose clock stands still meanwhile.
func inTime(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s does not return", what)
	}
}

// commitments are the ways to commit a stream.
func commitments() map[string]func(grpc.ClientStream) error {
	return map[string]func(grpc.ClientStream) error{
		"a message": func(stream grpc.ClientStream) error { return stream.RecvMsg(&testpb.StreamingOutputCallResponse{}) },
		"a header": func(stream grpc.ClientStream) error {
			_, err := stream.Header()
			return err
		},
	}
}

// TestStream_observerOfTheCommitmentMayAskTheStream: it is told without a
// lock held, so that what it calls cannot wait for one.
func TestStream_observerOfTheCommitmentMayAskTheStream(t *testing.T) {
	for name, commit := range commitments() {
		t.Run(name, func(t *testing.T) {
			var stream grpc.ClientStream
			told := 0
			s := &grpctest.Server{Stream: grpctest.Hang(1, 1)}
			conn := retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
				if e.Decision.Why == policy.Success {
					told++
					_ = stream.Trailer()
					if stream.Context() == nil {
						t.Error("Context: nil")
					}
				}
			})}}.Connect(t, s)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream = grpctest.Open(t, ctx, conn)
			inTime(t, "what commits the stream", func() {
				if err := commit(stream); err != nil {
					t.Error(err)
				}
			})
			if told != 1 {
				t.Errorf("the observer was told %d times, want once", told)
			}
		})
	}
}

// TestStream_aPanicAtTheCommitmentLeavesAUsableStream: the stream is committed
// before anyone is told, and no lock is held meanwhile.
func TestStream_aPanicAtTheCommitmentLeavesAUsableStream(t *testing.T) {
	for name, commit := range commitments() {
		t.Run(name, func(t *testing.T) {
			told := 0
			s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one", "two")}
			conn := retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
				if e.Outcome == interceptor.Pending && e.Decision.Why == policy.Success {
					if told++; told == 1 {
						panic(errors.New("observer"))
					}
				}
			})}}.Connect(t, s)
			stream := grpctest.Open(t, t.Context(), conn)
			if got := grpctest.MustPanic(t, func() { _ = commit(stream) }); got != "observer" {
				t.Errorf("got panic %q", got)
			}
			inTime(t, "the stream", func() {
				if md, err := stream.Header(); md == nil || err != nil {
					t.Errorf("Header: %v, %v", md, err)
				}
				if err := stream.CloseSend(); err != nil {
					t.Errorf("CloseSend: %v", err)
				}
				bodies, err := grpctest.Drain(stream)
				if len(bodies) == 0 || bodies[len(bodies)-1] != "two" || err != nil {
					t.Errorf("got %q, %v, want the messages that were left", bodies, err)
				}
				_, _ = stream.Context(), stream.Trailer()
			})
			grpctest.WantAttempts(t, s, 2)
			if told != 1 {
				t.Errorf("the observer was told %d times, want once", told)
			}
		})
	}
}

// TestStream_aFailureMidwayIsLogged: of the first attempt too, of which
// nothing else has been kept. It is the caller's to report.
func TestStream_aFailureMidwayIsLogged(t *testing.T) {
	const fields = " | protocol=grpc | grpc.component=client | grpc.service=grpc.testing.TestService | grpc.method=StreamingOutputCall | grpc.code=Unavailable | retry.class=Server" +
		" | retry.rule=overloaded | retry.why=committed | retry.attempt=1 | retry.wait=0s | retry.elapsed=0s | retry.reach=Lost"
	var j retrytest.Journal
	s := &grpctest.Server{Stream: grpctest.Slowly(0, 1, grpctest.ErrOverloaded)}
	retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithLogger(&j)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		stream := grpctest.Open(t, t.Context(), conn)
		bodies, err := grpctest.Drain(stream)
		if _, again := grpctest.Receive(stream); len(bodies) != 1 || !retrytest.Untouched(err) || again != err { //nolint:errorlint // the same one
			t.Errorf("got %q, then %v and %v, want a message and the server's error untouched", bodies, err, again)
		}
		const advice = ": interceptor.WithResume can go on from what has arrived"
		want := []string{"DEBUG [RETRY] Server: not retried after attempt 1 of " + grpctest.StreamMethod + " (committed)" + advice + fields}
		if diff := cmp.Diff(want, j.Lines); diff != "" {
			t.Errorf("lines (-want +got):\n%s", diff)
		}
		j.Lines = nil // the advice is given once
		_, _ = grpctest.Drain(grpctest.Open(t, t.Context(), conn))
		if want := "DEBUG [RETRY] Server: not retried after attempt 1 of " + grpctest.StreamMethod + " (committed)" + fields; len(j.Lines) != 1 || j.Lines[0] != want {
			t.Errorf("got lines %q, want %q", j.Lines, want)
		}
	})
}
