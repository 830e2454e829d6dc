package streams_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// story is what its server tells, a word for each message, from the word whose
// number is asked for. legs says after how many words each attempt breaks; later
// ones go on to the end.
func story(sentence []string, fault error, legs ...int) *grpctest.Server {
	return &grpctest.Server{Stream: func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		from, _ := strconv.Atoi(string(in.GetPayload().GetBody()))
		_ = out.SetHeader(metadata.Pairs("attempt", strconv.Itoa(n)))
		out.SetTrailer(metadata.Pairs("attempt", strconv.Itoa(n)))
		rest := sentence[from:]
		if n > len(legs) {
			return grpctest.SendAll(out, rest...)
		}
		if err := grpctest.SendAll(out, rest[:legs[n-1]]...); err != nil {
			return err
		}
		return fault
	}}
}

// fromThere asks for the words that are missing.
func fromThere(_ context.Context, i interceptor.Interrupted) (proto.Message, bool) {
	return grpctest.Ask(strconv.Itoa(i.Delivered)), true
}

// openWhole opens a stream that asks for everything.
func openWhole(t *testing.T, conn *grpc.ClientConn, opts ...grpc.CallOption) grpc.ClientStream {
	t.Helper()
	stream, err := conn.NewStream(t.Context(), grpctest.ServerStream, grpctest.StreamMethod, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.SendMsg(grpctest.Ask("0")); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	return stream
}

var sentence = strings.Fields("it was a bright cold day in April")

func TestResume_oneStream(t *testing.T) {
	for _, tt := range []struct {
		name string
		legs []int
		gaps []time.Duration
		err  bool
	}{
		{"one break", []int{3}, []time.Duration{2 * time.Second}, false},
		{"several, and each is the first since something came", []int{1, 1, 1, 1, 1}, []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second}, false},
		{"one that delivers nothing counts on", []int{2, 0, 0}, []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}, false},
		{"to the limit", []int{2, 0, 0, 0}, []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}, true},
		{"after all is there", []int{8}, []time.Duration{2 * time.Second}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := story(sentence, grpctest.ErrOverloaded, tt.legs...)
			var f grpctest.Finishes
			var w retrytest.Watcher
			b := retrytest.Budget(t, 10, 1)
			retrytest.Setup{Options: []interceptor.Option{
				interceptor.WithResume(fromThere), interceptor.WithBudget(b), interceptor.WithObserver(w.Observe),
			}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				stream := openWhole(t, conn, f.Option())
				var got []string
				body, err := grpctest.Receive(stream)
				for ; err == nil; body, err = grpctest.Receive(stream) {
					got = append(got, body)
					if md, err := stream.Header(); err != nil || md["attempt"][0] != "1" {
						t.Fatalf("Header: %v, %v, want that of the first attempt", md, err)
					}
				}
				grpctest.WantGaps(t, s, tt.gaps...)
				if tt.err {
					retrytest.WantStatus(t, err, grpccodes.Unavailable, status.Convert(grpctest.ErrOverloaded).Message())
					if diff := cmp.Diff(sentence[:2], got); diff != "" {
						t.Errorf("delivered (-want +got):\n%s", diff)
					}
					return
				}
				if diff := cmp.Diff(sentence, got); diff != "" {
					t.Errorf("delivered (-want +got):\n%s", diff)
				}
				wantTerminal(t, s, stream, err)
				if got, want := stream.Trailer()["attempt"], strconv.Itoa(len(tt.legs)+1); got[0] != want {
					t.Errorf("the trailer is that of attempt %v, want %s", got, want)
				}
				if all := f.All(); len(all) != 1 || all[0] != nil {
					t.Errorf("OnFinish was called with %v, want once with nil", all)
				}
				if last := w.Last(); last.Outcome != interceptor.Recovered || last.Attempt != len(tt.legs)+1 {
					t.Errorf("the event of the call: %+v, want recovered in %d attempts", last, len(tt.legs)+1)
				}
			})
		})
	}
}

// TestResume_whatTheFunctionIsTold: the first request, however often it is
// asked, and copies of what was delivered.
func TestResume_whatTheFunctionIsTold(t *testing.T) {
	for _, all := range []bool{false, true} {
		var opts []interceptor.ResumeOption
		if all {
			opts = append(opts, interceptor.KeepAll())
		}
		var told []string
		resume := interceptor.WithResume(func(ctx context.Context, i interceptor.Interrupted) (proto.Message, bool) {
			line := i.Method[strings.LastIndex(i.Method, "/")+1:] + " " + string(i.Request.(*testpb.StreamingOutputCallRequest).GetPayload().GetBody())
			line += " " + strconv.Itoa(i.Delivered) + " " + string(i.Last.(*testpb.StreamingOutputCallResponse).GetPayload().GetBody()) + ":"
			line += bodies(i.All)
			if status.Code(i.Err) != grpccodes.Unavailable {
				line += " " + i.Err.Error()
			}
			told = append(told, line)
			proto.Reset(i.Request) // copies are the function's own
			proto.Reset(i.Last)
			return fromThere(ctx, i)
		}, opts...)
		s := story(sentence, grpctest.ErrOverloaded, 2, 3)
		retrytest.Setup{Options: []interceptor.Option{resume}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
			stream := openWhole(t, conn)
			for {
				m := grpctest.Chunk("")
				if err := stream.RecvMsg(m); err != nil {
					break
				}
				m.Payload.Body[0] = '?' // the caller may change its message
			}
		})
		want := []string{"StreamingOutputCall 0 2 was:", "StreamingOutputCall 0 5 cold:"}
		if all {
			want = []string{"StreamingOutputCall 0 2 was: it was", "StreamingOutputCall 0 5 cold: it was a bright cold"}
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("all %v (-want +got):\n%s", all, diff)
		}
	}
}

// bodies joins what is in messages, a space before each.
func bodies(all []proto.Message) string {
	var b strings.Builder
	for _, m := range all {
		b.WriteString(" " + string(m.(*testpb.StreamingOutputCallResponse).GetPayload().GetBody()))
	}
	return b.String()
}

func TestResume_doesNot(t *testing.T) {
	denied := status.Error(grpccodes.PermissionDenied, "no")
	never := func(context.Context, interceptor.Interrupted) (proto.Message, bool) { return nil, false }
	for _, tt := range []struct {
		name   string
		fault  error
		option interceptor.Option
		call   []grpc.CallOption
		why    policy.Why
		code   grpccodes.Code
		text   string
	}{
		{"what the table does not retry", denied, interceptor.WithResume(fromThere), nil, policy.NeverRetried, grpccodes.PermissionDenied, ""},
		{"what the function declines", grpctest.ErrOverloaded, interceptor.WithResume(never), nil, policy.Committed, grpccodes.Unavailable, ""},
		{"with nil", grpctest.ErrOverloaded, interceptor.WithResume(nil), nil, policy.Committed, grpccodes.Unavailable, ""},
		{"with retries switched off", grpctest.ErrOverloaded, interceptor.WithResume(fromThere), []grpc.CallOption{interceptor.Disable()}, policy.Disabled, grpccodes.Unavailable, ""},
		{"a request that was not kept", grpctest.ErrOverloaded, interceptor.WithResume(fromThere), []grpc.CallOption{interceptor.WithReplayBuffer(0)}, policy.Committed, grpccodes.Unavailable, ""},
		{
			"with a request of another type", grpctest.ErrOverloaded, interceptor.WithResume(func(context.Context, interceptor.Interrupted) (proto.Message, bool) {
				return &testpb.Empty{}, true
			}), nil, policy.HookFailed, grpccodes.Internal, "want a *grpc_testing.StreamingOutputCallRequest, as the first one",
		},
		{
			"with no request", grpctest.ErrOverloaded, interceptor.WithResume(func(context.Context, interceptor.Interrupted) (proto.Message, bool) {
				return nil, true
			}), nil, policy.HookFailed, grpccodes.Internal, "WithResume",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := story(sentence, tt.fault, 3)
			b := retrytest.Budget(t, 5, 0)
			var w retrytest.Watcher
			retrytest.Setup{Options: []interceptor.Option{tt.option, interceptor.WithBudget(b), interceptor.WithObserver(w.Observe)}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
				bodies, err := grpctest.Drain(openWhole(t, conn, tt.call...))
				if len(bodies) != 3 || status.Code(err) != tt.code || !strings.Contains(err.Error(), tt.text) {
					t.Errorf("got %v, %v, want three words and %v", bodies, err, tt.code)
				}
				if last := w.Last(); last.Decision.Why != tt.why {
					t.Errorf("got %v, want %v", last.Decision.Why, tt.why)
				}
				grpctest.WantAttempts(t, s, 1)
				retrytest.WantTokens(t, b, 5)
			})
		})
	}
}

// TestResume_timesEveryAttempt: a resumed attempt has its time too, until its
// first message.
func TestResume_timesEveryAttempt(t *testing.T) {
	s := story(sentence, grpctest.ErrOverloaded, 3)
	inner := s.Stream
	s.Stream = func(n int, in *testpb.StreamingOutputCallRequest, out testpb.TestService_StreamingOutputCallServer) error {
		if n == 2 {
			<-out.Context().Done()
			return nil
		}
		return inner(n, in, out)
	}
	retrytest.Setup{Options: []interceptor.Option{
		interceptor.WithResume(fromThere), interceptor.WithAttemptTimeout(3 * time.Second), interceptor.WithBudget(retrytest.EarnedBudget(t, 5)),
	}}.Run(t, s, func(t *testing.T, conn *grpc.ClientConn) {
		began := time.Now()
		bodies, err := grpctest.Drain(openWhole(t, conn))
		if err != nil || len(bodies) != len(sentence) {
			t.Errorf("got %v, %v", bodies, err)
		}
		if got := time.Since(began); got != 6*time.Second {
			t.Errorf("it took %v, want 2s of backoff, 3s of silence and 1s of backoff", got)
		}
	})
}
