package streams_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// detailed returns an error with details.
func detailed(t *testing.T, code grpccodes.Code, message string, details ...protoadapt.MessageV1) error {
	t.Helper()
	st, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return st.Err()
}

func retryInfo(d time.Duration) protoadapt.MessageV1 {
	return &errdetails.RetryInfo{RetryDelay: durationpb.New(d)}
}

func TestStream_waitsOutRetryInfo(t *testing.T) {
	errQuota := func(d time.Duration) error {
		return detailed(t, grpccodes.ResourceExhausted, "slow down", retryInfo(d))
	}
	t.Run("exactly, with dice that show zero", func(t *testing.T) {
		s := &grpctest.Server{Stream: grpctest.FailFirst([]error{errQuota(7 * time.Second), errQuota(1500 * time.Millisecond)}, "one")}
		retrytest.Setup{}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			grpctest.WantBody(t, grpctest.Open(t, t.Context(), conn), "one")
			grpctest.WantGaps(t, s, 7*time.Second, 1500*time.Millisecond)
		})
	})
	t.Run("inside Header too", func(t *testing.T) {
		s := &grpctest.Server{Stream: grpctest.FailFirst([]error{errQuota(7 * time.Second)}, "one")}
		retrytest.Setup{}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			if md, err := grpctest.Open(t, t.Context(), conn).Header(); md == nil || err != nil {
				t.Fatalf("Header: got %v, %v, want that of the second attempt", md, err)
			}
			grpctest.WantGaps(t, s, 7*time.Second)
		})
	})
	t.Run("not where it reaches past the deadline: the server's error at once", func(t *testing.T) {
		s := &grpctest.Server{Stream: grpctest.FailFirst([]error{errQuota(7 * time.Second)}, "one")}
		retrytest.Setup{}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
			defer cancel()
			began := time.Now()
			_, err := grpctest.Receive(grpctest.Open(t, ctx, conn))
			retrytest.WantStatus(t, err, grpccodes.ResourceExhausted, "slow down")
			if took := time.Since(began); took != 0 {
				t.Errorf("took %v, want nothing", took)
			}
			grpctest.WantAttempts(t, s, 1)
		})
	})
}

func TestStream_dailyQuotaIsNotRetried(t *testing.T) {
	errDaily := detailed(t, grpccodes.ResourceExhausted, "You exceeded your current quota.",
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}}},
		retryInfo(20*time.Second))
	s := &grpctest.Server{Stream: grpctest.FailFirst([]error{errDaily}, "one")}
	retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		began := time.Now()
		_, err := grpctest.Receive(grpctest.Open(t, t.Context(), conn))
		retrytest.WantStatus(t, err, grpccodes.ResourceExhausted, "You exceeded your current quota.")
		if took := time.Since(began); took != 0 || !retrytest.Untouched(err) {
			t.Errorf("took %v and got %T, want the server's error at once", took, err)
		}
		grpctest.WantAttempts(t, s, 1)
	})
}

func TestStream_pushback(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values []string
		gaps   []time.Duration // nil: no retry
	}{
		{"n is the wait", []string{"1234"}, []time.Duration{1234 * time.Millisecond}},
		{"0 is at once", []string{"0"}, []time.Duration{0}},
		{"negative stops", []string{"-1"}, nil},
		{"no number stops", []string{"soon"}, nil},
		{"repeated stops", []string{"1", "1"}, nil},
		{"overflowing stops", []string{"9223372036854775807"}, nil},
		{"overflowing when multiplied stops", []string{"9223372036855"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &grpctest.Server{Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
				if n == 1 {
					out.SetTrailer(metadata.MD{"grpc-retry-pushback-ms": tt.values})
				}
				return grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one")(n, in, out)
			}}
			retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				_, err := grpctest.Receive(grpctest.Open(t, t.Context(), conn))
				if (err == nil) != (tt.gaps != nil) {
					t.Errorf("RecvMsg: %v, want a retry: %v", err, tt.gaps != nil)
				}
				grpctest.WantGaps(t, s, tt.gaps...)
			})
		})
	}
}

// TestStream_contextEndsDuringAWait ends the caller's context while RecvMsg,
// Header or NewStream waits for the next attempt.
func TestStream_contextEndsDuringAWait(t *testing.T) {
	wait := map[string]func(t *testing.T, ctx context.Context, conn *grpc.ClientConn) error{
		"RecvMsg": func(t *testing.T, ctx context.Context, conn *grpc.ClientConn) error {
			_, err := grpctest.Receive(grpctest.Open(t, ctx, conn))
			return err
		},
		"Header": func(t *testing.T, ctx context.Context, conn *grpc.ClientConn) error {
			stream := grpctest.Open(t, ctx, conn)
			if md, err := stream.Header(); md != nil || err != nil {
				t.Errorf("Header: got %v, %v, want neither", md, err)
			}
			at := time.Now()
			_, err := grpctest.Receive(stream)
			if took := time.Since(at); took != 0 {
				t.Errorf("RecvMsg after Header took %v, want nothing", took)
			}
			return err
		},
		"NewStream": func(_ *testing.T, ctx context.Context, conn *grpc.ClientConn) error {
			_, err := conn.NewStream(ctx, grpctest.ServerStream, grpctest.StreamMethod)
			return err
		},
	}
	for name, call := range wait {
		t.Run("a cancelled "+name+" returns at once", func(t *testing.T) {
			s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded})}
			u := retrytest.Setup{Options: retrytest.Repeatable}
			if name == "NewStream" {
				u.Right = []grpc.StreamClientInterceptor{grpctest.Refuse(grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded)}
			}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				time.AfterFunc(3*time.Second, cancel) // in the second wait
				began := time.Now()
				err := call(t, ctx, conn)
				if got, want := time.Since(began), 3*time.Second; got != want {
					t.Errorf("returned after %v, want %v", got, want)
				}
				if e, ok := errors.AsType[*interceptor.Error](err); !ok || len(e.Attempts) != 2 || e.Why != policy.CallerEnded {
					t.Errorf("got %v, want an *Error of two attempts", err)
				}
				if status.Code(err) != grpccodes.Canceled || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "overloaded") {
					t.Errorf("got %v, want a cancellation that names the last failure", err)
				}
			})
		})
	}
	t.Run("a deadline that comes before the wait is over ends it before it begins", func(t *testing.T) {
		s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded})}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			began := time.Now()
			_, err := grpctest.Receive(grpctest.Open(t, ctx, conn))
			retrytest.WantStatus(t, err, grpccodes.Unavailable, "The model is overloaded. Please try again later.")
			if e, ok := errors.AsType[*interceptor.Error](err); !ok || e.Why != policy.DeadlineTooNear {
				t.Errorf("got %v, want DeadlineTooNear", err)
			}
			if got, want := time.Since(began), 2*time.Second; got != want {
				t.Errorf("returned after %v, want %v: a wait of 4 s does not fit into the 3 s that are left", got, want)
			}
			grpctest.WantAttempts(t, s, 2)
		})
	})
	t.Run("a deadline ends an attempt that hangs", func(t *testing.T) {
		s := &grpctest.Server{Stream: grpctest.Hang(1, 0)}
		retrytest.Setup{Options: retrytest.Repeatable}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			_, err := grpctest.Receive(grpctest.Open(t, ctx, conn))
			if status.Code(err) != grpccodes.DeadlineExceeded {
				t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
			}
			if got := time.Since(began); got != time.Minute {
				t.Errorf("returned after %v, want a minute", got)
			}
			grpctest.WantAttempts(t, s, 2)
		})
	})
}

// TestStream_budget: a stream pays for its retries, and earns once it has shown
// something: a stream that is watched for hours, or left before its end, would
// otherwise only ever pay.
func TestStream_budget(t *testing.T) {
	budget := func(t *testing.T) *policy.Budget {
		t.Helper()
		b, err := policy.NewBudget(policy.BudgetConfig{Max: 10, Start: 2, Earn: 1})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	held := func(t *testing.T, b *policy.Budget, when string, want float64) {
		t.Helper()
		if got, _ := b.Held(); got != want {
			t.Errorf("%s: %v tokens, want %v", when, got, want)
		}
	}
	for name, observe := range map[string][]interceptor.Option{
		"": nil, ", observed": {interceptor.WithObserver(func(context.Context, interceptor.Event) {})},
	} {
		t.Run("a success is earned at the first message"+name, func(t *testing.T) {
			b := budget(t)
			s := &grpctest.Server{Stream: grpctest.FailFirst(nil, "one", "two")}
			u := retrytest.Setup{Options: append(observe, interceptor.Repeatable(), interceptor.WithBudget(b))}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := grpctest.Open(t, t.Context(), conn)
				held(t, b, "before it", 2)
				grpctest.WantBody(t, stream, "one")
				held(t, b, "at the first message", 3)
				grpctest.WantBody(t, stream, "two")
				grpctest.WantEOF(t, stream)
				grpctest.WantEOF(t, stream)
				held(t, b, "at EOF", 3)
			})
		})
		t.Run("a retry costs a token, and its success earns one"+name, func(t *testing.T) {
			b := budget(t)
			s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded}, "one")}
			u := retrytest.Setup{Options: append(observe, interceptor.Repeatable(), interceptor.WithBudget(b))}
			u.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := grpctest.Open(t, t.Context(), conn)
				grpctest.WantBody(t, stream, "one")
				held(t, b, "after a retry", 2)
				grpctest.WantEOF(t, stream)
				held(t, b, "at EOF", 2)
			})
		})
	}
	t.Run("without a token there is no retry", func(t *testing.T) {
		b := budget(t)
		s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded, grpctest.ErrOverloaded, grpctest.ErrOverloaded})}
		retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithBudget(b)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			_, err := grpctest.Receive(grpctest.Open(t, t.Context(), conn))
			if e, ok := errors.AsType[*interceptor.Error](err); !ok || e.Why != policy.BudgetExhausted {
				t.Errorf("got %v, want BudgetExhausted", err)
			}
			grpctest.WantAttempts(t, s, 3)
		})
	})
	t.Run("a wait that is cancelled gives its token back", func(t *testing.T) {
		b := budget(t)
		s := &grpctest.Server{Stream: grpctest.FailFirst([]error{grpctest.ErrOverloaded})}
		retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithBudget(b)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, func() {
				held(t, b, "during the wait", 1)
				cancel()
			})
			_, _ = grpctest.Receive(grpctest.Open(t, ctx, conn))
			held(t, b, "after it", 2)
		})
	})
	t.Run("an empty stream earns at its end", func(t *testing.T) {
		b := budget(t)
		s := &grpctest.Server{Stream: grpctest.FailFirst(nil)}
		retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithBudget(b)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			grpctest.WantEOF(t, grpctest.Open(t, t.Context(), conn))
			held(t, b, "at EOF", 3)
		})
	})
	t.Run("a failure midway takes nothing back", func(t *testing.T) {
		b := budget(t)
		s := &grpctest.Server{Stream: func(_ int, _ *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
			_ = grpctest.SendAll(out, "one")
			return grpctest.ErrOverloaded
		}}
		retrytest.Setup{Options: []interceptor.Option{interceptor.Repeatable(), interceptor.WithBudget(b)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			_, _ = grpctest.Drain(grpctest.Open(t, t.Context(), conn))
			held(t, b, "after it", 3)
		})
	})
}
