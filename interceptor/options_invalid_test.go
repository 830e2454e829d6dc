package interceptor_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

func TestNew_panicsWithTheTextOfValidate(t *testing.T) {
	badTable := policy.Default()
	badTable[codes.Quota].Retries = -1
	badTable[codes.Server].Multiplier = math.NaN()
	badConfig := policy.DefaultConfig()
	badConfig.Limits.MaxElapsed = -1
	badConfig.Budget.Start = -1
	badConfig.Methods = []policy.Method{{Pattern: "no-slash"}}
	badRow := policy.Policy{Retries: 1, Base: time.Second}
	live, err := policy.NewLive(policy.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	const livesays = ": cannot be combined with WithLive, which says the same: put it into the Config that Live holds"
	tests := map[string]struct {
		opts []interceptor.Option
		want string
	}{
		"WithTable":  {[]interceptor.Option{interceptor.WithTable(badTable)}, badTable.Validate().Error()},
		"WithConfig": {[]interceptor.Option{interceptor.WithConfig(badConfig)}, badConfig.Validate().Error()},
		"WithPolicy": {[]interceptor.Option{interceptor.WithPolicy(codes.Quota, badRow)}, "policy: Quota: max 0s: want >= base 1s\npolicy: Quota: multiplier 0: want >= 1"},
		"WithPolicy, retries": {
			[]interceptor.Option{interceptor.WithPolicy(codes.Quota, policy.Policy{Retries: -1})}, "policy: Quota: retries -1: want >= 0",
		},
		"WithPolicy of no class": {[]interceptor.Option{interceptor.WithPolicy(codes.NumClasses, policy.Policy{})}, "interceptor: WithPolicy: class 12: want 0 to 11"},
		"WithPolicy of Ended": {
			[]interceptor.Option{interceptor.WithPolicy(codes.Ended, policy.Policy{Retries: 1})}, "policy: Ended: retries 1: want 0, there is nothing to retry",
		},
		"WithLimits": {
			[]interceptor.Option{interceptor.WithLimits(policy.Limits{MaxAttempts: -1})}, "policy: max attempts -1: want >= 1, or 0 for the default",
		},
		"WithLimits that cut rows": {
			[]interceptor.Option{interceptor.WithLimits(policy.Limits{MaxAttempts: 4})},
			"policy: Network: retries 5: want <= 3 with max attempts 4\npolicy: Timeout: retries 5: want <= 3 with max attempts 4",
		},
		"MaxRetries":           {[]interceptor.Option{interceptor.MaxRetries(-1)}, "interceptor: MaxRetries: -1: want >= 0"},
		"WithReplayBuffer":     {[]interceptor.Option{interceptor.WithReplayBuffer(-1)}, "interceptor: WithReplayBuffer: -1: want >= 0 bytes"},
		"WithLive, nil":        {[]interceptor.Option{interceptor.WithLive(nil)}, "interceptor: WithLive: nil: want a *policy.Live"},
		"WithLive, WithTable":  {[]interceptor.Option{interceptor.WithLive(live), interceptor.WithTable(policy.Default())}, "interceptor: WithTable" + livesays},
		"WithPolicy, WithLive": {[]interceptor.Option{interceptor.WithPolicy(codes.Quota, policy.Policy{}), interceptor.WithLive(live)}, "interceptor: WithPolicy" + livesays},
		"WithLive, WithLimits": {[]interceptor.Option{interceptor.WithLive(live), interceptor.WithLimits(policy.Limits{})}, "interceptor: WithLimits" + livesays},
		"WithLive, MaxRetries": {[]interceptor.Option{interceptor.WithLive(live), interceptor.MaxRetries(1)}, "interceptor: MaxRetries" + livesays},
		"WithLive, WithConfig": {[]interceptor.Option{interceptor.WithLive(live), interceptor.WithConfig(policy.DefaultConfig())}, "interceptor: WithConfig" + livesays},
		"WithMethod, pattern":  {[]interceptor.Option{interceptor.WithMethod("Service/Method")}, policy.ValidatePattern("Service/Method").Error()},
		"WithMethod, twice": {
			[]interceptor.Option{interceptor.WithMethod("/s/*"), interceptor.WithMethod("/s/*")},
			`interceptor: WithMethod: pattern "/s/*" given twice: want one option for each pattern`,
		},
		"WithMethod, option": {[]interceptor.Option{interceptor.WithMethod("/s/*", interceptor.MaxRetries(-1))}, "interceptor: MaxRetries: -1: want >= 0"},
		"WithRules, name": {
			[]interceptor.Option{interceptor.WithRules(codes.Rule{Name: "Own Rule", Class: codes.Server})},
			`interceptor: WithRules: rule 0: name "Own Rule": want lower case words joined by hyphens`,
		},
		"WithRules, class": {
			[]interceptor.Option{interceptor.WithRules(codes.Rule{Name: "own", Class: codes.Server}, codes.Rule{Name: "own"})},
			"interceptor: WithRules: rule 1: class None: want a class of failure",
		},
		"WithBudget":   {[]interceptor.Option{interceptor.WithBudget(nil)}, "interceptor: WithBudget: nil: want a *policy.Budget, or use WithoutBudget"},
		"WithLogger":   {[]interceptor.Option{interceptor.WithLogger(nil)}, "interceptor: WithLogger: nil: want a logging.Logger"},
		"WithSlog":     {[]interceptor.Option{interceptor.WithSlog(nil)}, "interceptor: WithSlog: nil: want a *slog.Logger"},
		"WithObserver": {[]interceptor.Option{interceptor.WithObserver(nil)}, "interceptor: WithObserver: nil: want a function"},
		"WithClock":    {[]interceptor.Option{interceptor.WithClock(nil)}, "interceptor: WithClock: nil: want a Clock"},
		"WithRand":     {[]interceptor.Option{interceptor.WithRand(nil)}, "interceptor: WithRand: nil: want a function"},
		"several": {
			[]interceptor.Option{interceptor.WithSlog(nil), interceptor.MaxRetries(-2)},
			"interceptor: WithSlog: nil: want a *slog.Logger\ninterceptor: MaxRetries: -2: want >= 0",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for _, make := range []func(){
				func() { interceptor.New(tt.opts...) },
				func() { interceptor.DialOptions(tt.opts...) },
				func() { interceptor.UnaryClientInterceptor(tt.opts...) },
				func() { interceptor.StreamClientInterceptor(tt.opts...) },
			} {
				if diff := cmp.Diff(tt.want, grpctest.MustPanic(t, make)); diff != "" {
					t.Errorf("text (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestNew_panicsIfAMethodsOptionsDoNotFitTheConnections(t *testing.T) {
	got := grpctest.MustPanic(t, func() {
		interceptor.New(interceptor.WithTable(policy.Default().Capped(2)), interceptor.WithLimits(policy.Limits{MaxAttempts: 3}),
			interceptor.WithMethod("/s/*", interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 3})))
	})
	if want := `interceptor: WithMethod: pattern "/s/*": policy: Server: retries 3: want <= 2 with max attempts 3`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNew_takesOptionsThatDoNothing(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		if _, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, interceptor.CallOption{}); err != nil {
			t.Error(err)
		}
	}, nil, interceptor.CallOption{}, interceptor.WithRules(), interceptor.WithMethod("/s/*"))
}

func TestNewContext_panicsOnAnInvalidOption(t *testing.T) {
	got := grpctest.MustPanic(t, func() { interceptor.NewContext(t.Context(), interceptor.Repeatable(), interceptor.MaxRetries(-1)) })
	if want := "interceptor: MaxRetries: -1: want >= 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCallOptions_thatAreWrongForACallFailItBeforeAnythingIsSent(t *testing.T) {
	const unary, stream, bidi = "unary", "server stream", "bidirectional stream"
	const fullDuplex = "/grpc.testing.TestService/FullDuplexCall"
	cut := policy.Config{Table: policy.Default(), Limits: policy.Limits{MaxAttempts: 2}}.Validate().Error()
	cannot := func(name, method, kind string) string {
		return fmt.Sprintf("interceptor: %s: cannot apply to %s, which is a %s", name, method, kind)
	}
	tests := []struct {
		name    string
		opt     interceptor.CallOption
		to      []string
		message string
	}{
		{"an invalid number", interceptor.MaxRetries(-1), []string{unary, stream, bidi}, "interceptor: MaxRetries: -1: want >= 0"},
		{"an invalid row", interceptor.WithPolicy(codes.Quota, policy.Policy{Retries: -1}), []string{unary, stream, bidi}, "policy: Quota: retries -1: want >= 0"},
		{"an invalid buffer", interceptor.WithReplayBuffer(-1), []string{unary, stream, bidi}, "interceptor: WithReplayBuffer: -1: want >= 0 bytes"},
		{"a buffer for a unary call", interceptor.WithReplayBuffer(1), []string{unary}, cannot("WithReplayBuffer", grpctest.UnaryMethod, "unary call")},
		{"a limit that cuts rows", interceptor.WithLimits(policy.Limits{MaxAttempts: 2}), []string{unary, stream, bidi}, cut},
		{"hedging for a stream", interceptor.WithHedge(time.Second, 2), []string{stream}, cannot("WithHedge", grpctest.StreamMethod, "server stream")},
		{"hedging for a stream", interceptor.WithHedge(time.Second, 2), []string{bidi}, cannot("WithHedge", fullDuplex, "client or bidirectional stream")},
		{"a negative delay", interceptor.WithHedge(-1, 2), []string{unary, stream}, "interceptor: WithHedge: delay -1ns: want >= 0s"},
		{"no attempts", interceptor.WithHedge(0, 0), []string{unary}, "interceptor: WithHedge: attempts 0: want >= 1, the first included"},
		{"a negative timeout", interceptor.WithAttemptTimeout(-time.Second), []string{unary, stream, bidi}, "interceptor: WithAttemptTimeout: -1s: want > 0s, or 0s for none"},
	}
	for _, tt := range tests {
		for _, kind := range tt.to {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				s := &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}
				retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
					var err error
					switch kind {
					case unary:
						_, err = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, tt.opt)
					case stream:
						_, err = client.StreamingOutputCall(t.Context(), &testpb.StreamingOutputCallRequest{}, tt.opt)
					case bidi:
						_, err = client.FullDuplexCall(t.Context(), tt.opt)
					}
					st := status.Convert(err)
					if st.Code() != grpccodes.InvalidArgument || st.Message() != tt.message {
						t.Errorf("got %v, want INVALID_ARGUMENT %q", err, tt.message)
					}
					synctest.Wait()
					if s.Attempts() != 0 {
						t.Errorf("the server has seen %d attempts, want none", s.Attempts())
					}
				})
			})
		}
	}
}

func TestCallOptions_thatCannotApplyDoNothingInAContextOrAtTheConnection(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(1, grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		ctx := interceptor.NewContext(t.Context(), interceptor.WithReplayBuffer(1), interceptor.WithTable(retrytest.AtOnce(2)))
		if _, err := client.UnaryCall(ctx, &testpb.SimpleRequest{}); err != nil {
			t.Errorf("a unary call: %v", err)
		}
		stream, err := client.FullDuplexCall(ctx)
		if err != nil {
			t.Fatalf("a bidirectional stream: %v", err)
		}
		if err := stream.CloseSend(); err != nil {
			t.Errorf("a bidirectional stream: %v", err)
		}
		if _, err := stream.Recv(); err != io.EOF { //nolint:errorlint // what grpc returns is io.EOF itself
			t.Errorf("a bidirectional stream: %v", err)
		}
	}, interceptor.WithReplayBuffer(2), interceptor.WithMethod("/grpc.*", interceptor.WithReplayBuffer(3), interceptor.MaxRetries(4)))
}

func TestCallOptions_thatSwitchOffApplyToEveryKindOfCall(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		for _, o := range []grpc.CallOption{interceptor.Disable(), interceptor.NotRepeatable(), interceptor.CallOption{}} {
			stream, err := client.FullDuplexCall(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			_ = stream.CloseSend()
			_, _ = stream.Recv()
		}
	})
}

func TestOptions_ofAConnectionAreNoOptionsOfACall(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command")
	}
	good := []string{
		"var _ interceptor.Option = interceptor.MaxRetries(1)",
		"var _ grpc.CallOption = interceptor.MaxRetries(1)",
		"var _ = interceptor.NewContext(context.Background(), interceptor.Repeatable())",
		"var _ = interceptor.WithSlog(slog.Default())",
		"var _ = []interceptor.CallOption{interceptor.WithAttemptTimeout(1), interceptor.WithHedge(1, 2), interceptor.WithAccept(nil), interceptor.WithFallback(nil)}",
	}
	bad := []string{
		"var _ grpc.CallOption = interceptor.WithSlog(slog.Default())",
		"var _ interceptor.CallOption = interceptor.WithSlog(slog.Default())",
		"var _ interceptor.CallOption = interceptor.WithRefresh(nil)",
		"var _ = interceptor.NewContext(context.Background(), interceptor.WithoutBudget())",
		"var _ = interceptor.WithMethod(`/s/*`, interceptor.WithoutBudget())",
		"var _ interceptor.Option = grpc.EmptyCallOption{}",
	}
	build := func(t *testing.T, lines []string) string {
		t.Helper()
		source := "package snippet\nimport (\n\"context\"\n\"log/slog\"\n\"google.golang.org/grpc\"\n\"github.com/reinvoke/reinvoke/interceptor\"\n)\n" +
			"var _ context.Context; var _ slog.Level; var _ grpc.CallOption\n" + strings.Join(lines, "\n") + "\n"
		here, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		snippet := filepath.Join(t.TempDir(), "snippet.go")
		overlay := filepath.Join(t.TempDir(), "overlay.json")
		replace, err := json.Marshal(map[string]map[string]string{"Replace": {filepath.Join(here, "snippet", "snippet.go"): snippet}})
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range map[string][]byte{snippet: []byte(source), overlay: replace} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, _ := exec.CommandContext(t.Context(), goTool, "build", "-gcflags=-e", "-overlay", overlay, "-o", os.DevNull, "./snippet").CombinedOutput()
		return string(out)
	}
	if out := build(t, good); out != "" {
		t.Errorf("what should compile does not:\n%s", out)
	}
	out := build(t, bad)
	for i, line := range bad {
		if !strings.Contains(out, fmt.Sprintf("snippet.go:%d:", 9+i)) {
			t.Errorf("this compiles: %s\n%s", line, out)
		}
	}
}
