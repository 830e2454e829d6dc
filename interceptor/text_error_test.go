package interceptor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// wantReadable checks the text of an error, with texts of others in it, and that what it
// adds is in it whole.
func wantReadable(t *testing.T, err error, texts int, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("got no error")
	}
	wantPrintable(t, "the error", err.Error(), texts*mostOfAText+500)
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in %q", part, err.Error())
		}
	}
}

// TestError_textOfTheServerIsPrintableAndBounded: whatever the server says, in the
// message or in the reason. Its status and the fields have it whole.
func TestError_textOfTheServerIsPrintableAndBounded(t *testing.T) {
	for name, tt := range map[string]struct{ message, reason string }{
		"the message": {nasty(huge()), "BUSY"},
		"the reason":  {"busy", nasty(100 << 10)},
	} {
		t.Run(name, func(t *testing.T) {
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(nastyStatus(t, grpccodes.Unavailable, tt.message, reasoned(tt.reason)...))}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
				wantReadable(t, err, 3, grpctest.UnaryMethod+" gave up (class-exhausted) after 2 attempts [Unavailable ", "]: rpc error: code = Unavailable desc = b")
				if st, ok := status.FromError(err); !ok || st.Message() != tt.message || len(st.Details()) != 2 {
					t.Errorf("status: a message of %d bytes and %d details, want those of the server", len(st.Message()), len(st.Details()))
				}
				if st := status.Convert(errors.Unwrap(err)); st.Message() != tt.message {
					t.Errorf("Unwrap: a message of %d bytes, want that of the server", len(st.Message()))
				}
				e, ok := errors.AsType[*interceptor.Error](err)
				if !ok || e.Attempts[0].Reason != tt.reason || e.Failure.Reason != tt.reason || e.Failure.QuotaID != tt.reason {
					t.Errorf("the fields are not what the server has sent: %.300v", e)
				}
			}, interceptor.MaxRetries(1), interceptor.Repeatable())
		})
	}
}

// TestError_ofACallTurnedAwayIsPrintableAndBounded: its text has the message of the
// refusal that closed the gate, and the key.
func TestError_ofACallTurnedAwayIsPrintableAndBounded(t *testing.T) {
	message := nasty(huge())
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(nastyStatus(t, grpccodes.ResourceExhausted, message, &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Minute)}))}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		ctx := withModel(t.Context(), nasty(20<<10))
		if _, err := client.UnaryCall(ctx, &testpb.SimpleRequest{}, interceptor.MaxRetries(0)); err == nil {
			t.Fatal("got no error")
		}
		soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err := client.UnaryCall(soon, &testpb.SimpleRequest{})
		wantReadable(t, err, 2, grpctest.UnaryMethod+" not sent: 1m0s were asked of this quota ("+grpctest.UnaryMethod+" model=bad \\n", "WithoutGate() switches this off: rpc error: ")
		wantPrintable(t, "the status", status.Convert(err).Message(), mostOfAText+300)
		if st := status.Convert(errors.Unwrap(err)); st.Message() != message {
			t.Errorf("Unwrap: a message of %d bytes, want that of the server", len(st.Message()))
		}
	})
}

// TestError_textOfAHookIsPrintableAndBounded: of what a function of the caller's has
// returned or panicked with.
func TestError_textOfAHookIsPrintableAndBounded(t *testing.T) {
	said := nasty(huge()) + "\xff"
	errSaid := errors.New(said)
	for name, tt := range map[string]struct {
		opt  interceptor.Option
		want string
	}{
		"a refresh": {interceptor.WithRefresh(func(context.Context) error { return errSaid }), "interceptor.WithRefresh: bad \\n"},
		"a fallback": {
			interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) { return nil, errSaid }), "interceptor.WithFallback: bad \\n",
		},
		"a panic": {
			interceptor.WithFallback(func(context.Context, interceptor.FailedCall) (any, error) { panic(said) }),
			"interceptor: WithFallback: the function panicked: bad \\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, refusal := grpccodes.Unavailable, status.Error(grpccodes.Unavailable, "no")
			if name == "a refresh" {
				code, refusal = grpccodes.Unauthenticated, nastyStatus(t, grpccodes.Unauthenticated, "no", &errdetails.ErrorInfo{Reason: "ACCESS_TOKEN_EXPIRED", Domain: "googleapis.com"})
			}
			s := &grpctest.Server{Unary: grpctest.RefuseAlways(refusal)}
			retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
				_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
				wantReadable(t, err, 4, grpctest.UnaryMethod+" ", tt.want, " bytes cut): rpc error: code = "+code.String()+" desc = no")
				if name != "a panic" && !errors.Is(err, errSaid) {
					t.Error("it does not lead to what the function returned")
				}
			}, interceptor.MaxRetries(1), interceptor.Repeatable(), tt.opt)
		})
	}
}

// TestError_ofAFunctionIsPrintableAndBounded: of its name, and of a message that is no
// UTF-8.
func TestError_ofAFunctionIsPrintableAndBounded(t *testing.T) {
	name, message := "say\xff\n"+nasty(10<<10), "\xffa\xc3\n"
	synctest.Test(t, func(t *testing.T) {
		r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(1)))
		err := r.Do(t.Context(), name, func(context.Context) error { return status.Error(grpccodes.Unavailable, message) })
		wantReadable(t, err, 2, `say\xff\nbad `, `desc = \xffa\xc3\n`)
		if e, ok := errors.AsType[*interceptor.Error](err); !ok || e.Method != name || status.Convert(err).Message() != message || e.Failure.Class != codes.Server {
			t.Errorf("got %.300v, want fields and a status that are whole", e)
		}
		refused := interceptor.New(interceptor.WithRand(retrytest.NoSpread))
		call := func(ctx context.Context) error {
			return refused.Do(ctx, name, func(context.Context) error { return grpctest.Hinted(time.Minute) }, interceptor.MaxRetries(0))
		}
		_ = call(t.Context())
		soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		wantReadable(t, call(soon), 3, `say\xff\nbad `, "not sent")
	})
}

// TestError_zeroValueHasAText: there is no last error in it.
func TestError_zeroValueHasAText(t *testing.T) {
	wantReadable(t, &interceptor.Error{}, 1, "after 0 attempts []: <nil>")
}
