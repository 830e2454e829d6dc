package interceptor_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

func TestRepeatable_isKnownOfTheMethodsThatOnlyComputeOrRead(t *testing.T) {
	const (
		gemini = "/google.ai.generativelanguage.v1beta."
		vertex = "/google.cloud.aiplatform.v1."
	)
	tests := map[string]bool{
		gemini + "GenerativeService/GenerateContent":                         true,
		gemini + "GenerativeService/GenerateAnswer":                          true,
		gemini + "GenerativeService/StreamGenerateContent":                   true,
		gemini + "GenerativeService/EmbedContent":                            true,
		gemini + "GenerativeService/BatchEmbedContents":                      true,
		gemini + "GenerativeService/CountTokens":                             true,
		gemini + "TextService/CountTextTokens":                               true,
		gemini + "ModelService/GetModel":                                     true,
		gemini + "ModelService/ListModels":                                   true,
		gemini + "RetrieverService/QueryCorpus":                              true,
		"/google.ai.generativelanguage.v1.GenerativeService/GenerateContent": true,
		vertex + "PredictionService/Predict":                                 true,
		vertex + "PredictionService/RawPredict":                              true,
		vertex + "PredictionService/DirectPredict":                           true,
		vertex + "PredictionService/DirectRawPredict":                        true,
		vertex + "PredictionService/StreamRawPredict":                        true,
		vertex + "PredictionService/ServerStreamingPredict":                  true,
		vertex + "PredictionService/GenerateContent":                         true,
		vertex + "PredictionService/Explain":                                 true,
		vertex + "LlmUtilityService/ComputeTokens":                           true,
		vertex + "LlmUtilityService/CountTokens":                             true,
		vertex + "EndpointService/GetEndpoint":                               true,
		"/google.cloud.aiplatform.v1beta1.PredictionService/Predict":         true,

		gemini + "ModelService/CreateTunedModel":                                    false,
		gemini + "ModelService/DeleteTunedModel":                                    true,
		gemini + "ModelService/UpdateTunedModel":                                    true,
		gemini + "CacheService/CreateCachedContent":                                 false,
		gemini + "PermissionService/TransferOwnership":                              false,
		gemini + "GenerativeService/BatchGenerateContent":                           false,
		gemini + "PredictionService/PredictLongRunning":                             false,
		vertex + "PredictionService/PredictLongRunning":                             false,
		vertex + "JobService/CancelCustomJob":                                       false,
		vertex + "EndpointService/DeployModel":                                      false,
		vertex + "MetadataService/PurgeArtifacts":                                   false,
		vertex + "ReasoningEngineExecutionService/QueryReasoningEngine":             false,
		"/google.cloud.aiplatform.v1beta1.ExtensionExecutionService/QueryExtension": false,
		"/google.cloud.aiplatform.v1beta1.MemoryBankService/GenerateMemories":       false,
		"/google.pubsub.v1.Publisher/Publish":                                       false,
		"/google.pubsub.v1.Publisher/GetTopic":                                      false,
		"/google.ai.generativelanguage/GenerateContent":                             false,
		"/my.google.ai.generativelanguage.v1.Service/Generate":                      false,
		"/google.cloud.aiplatformx.v1.PredictionService/Predict":                    false,
		gemini + "GenerativeService/generateContent":                                false,
		gemini + "GenerativeService/":                                               false,
		gemini + "GenerativeService":                                                false,
		grpctest.UnaryMethod:                                                        false,
		"":                                                                          false,
		"GenerateContent":                                                           false,
		"/GenerateContent":                                                          false,
		vertex + "PredictionService/PredictAndStoreWithoutTelling":                  false,
		vertex + "PredictionService/ExplainAndChargeForTheFavour":                   false,
		vertex + "PredictionService/ServerStreamingPredictWithCost":                 false,
	}
	for method, want := range tests {
		// Without evidence every failure is Lost, and INTERNAL is repeated only
		// by what is known to be repeatable.
		r := interceptor.New(interceptor.WithTable(retrytest.AtOnce(1)), interceptor.WithoutEvidence())
		var n int
		fail := func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error {
			n++
			return status.Error(grpccodes.Internal, "An internal error has occurred.")
		}
		_ = r.Unary()(t.Context(), method, nil, nil, nil, fail)
		if got := n == 2; got != want {
			t.Errorf("%q: repeatable %t, want %t", method, got, want)
		}
	}
}

func TestRepeatable_whatIsRetriedOfAMethodThatIsNot(t *testing.T) {
	expired := func(t *testing.T) error {
		t.Helper()
		st, err := status.New(grpccodes.Unauthenticated, "Request had invalid authentication credentials.").
			WithDetails(&errdetails.ErrorInfo{Reason: "ACCESS_TOKEN_EXPIRED", Domain: "googleapis.com"})
		if err != nil {
			t.Fatal(err)
		}
		return st.Err()
	}
	tests := map[string]struct {
		err   error // of the server; nil to cut the connection
		class codes.Class
		reach codes.Reach
		not   bool // retried although the method is not known to be repeatable
		trust bool // although it was declared that it is not, where UNAVAILABLE is trusted
		yes   bool // retried if it is repeatable
	}{
		"UNAVAILABLE, answered":             {grpctest.ErrOverloaded, codes.Server, codes.Answered, true, true, true},
		"a quota, answered":                 {grpctest.RefusedByQuota(t), codes.Quota, codes.Answered, true, false, true},
		"an expired token, answered":        {expired(t), codes.Expired, codes.Answered, true, false, true},
		"INTERNAL, answered":                {status.Error(grpccodes.Internal, "?"), codes.Server, codes.Answered, false, false, true},
		"DEADLINE_EXCEEDED, answered":       {status.Error(grpccodes.DeadlineExceeded, "?"), codes.Timeout, codes.Answered, false, false, true},
		"UNKNOWN, answered":                 {status.Error(grpccodes.Unknown, "?"), codes.Other, codes.Answered, false, false, true},
		"Google's deadline expired":         {status.Error(grpccodes.Unavailable, "Deadline expired before operation could complete."), codes.Server, codes.Answered, false, false, true},
		"a connection cut during the call":  {nil, codes.Network, codes.Lost, false, false, true},
		"ABORTED, which is above us":        {status.Error(grpccodes.Aborted, "?"), codes.Conflict, codes.Answered, false, false, false},
		"INVALID_ARGUMENT, wrong for ever":  {status.Error(grpccodes.InvalidArgument, "?"), codes.Request, codes.Answered, false, false, false},
		"PERMISSION_DENIED, wrong for ever": {status.Error(grpccodes.PermissionDenied, "?"), codes.Auth, codes.Answered, false, false, false},
	}
	for name, tt := range tests {
		for said, want := range map[string]bool{"nothing": tt.not, "not": false, "not, and trust": tt.trust, "repeatable": tt.yes} {
			opt := map[string]interceptor.CallOption{
				"not": interceptor.NotRepeatable(), "not, and trust": interceptor.NotRepeatable(interceptor.TrustUnavailable()), "repeatable": interceptor.Repeatable(),
			}[said]
			t.Run(name+", said: "+said, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var o *grpctest.Outage
					var w retrytest.Watcher
					o = &grpctest.Outage{Service: &grpctest.Server{Unary: func(ctx context.Context, n int, _ *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
						switch {
						case n > 1:
							return &testpb.SimpleResponse{}, nil
						case tt.err != nil:
							return nil, tt.err
						}
						go func() { // a server that dies on the request, and is soon replaced
							o.Stop()
							o.Start()
						}()
						<-ctx.Done()
						return nil, ctx.Err()
					}}}
					o.Start()
					conn := o.Connect(t, retrytest.DialOptions(opt, interceptor.WithObserver(w.Observe))...)
					_, err := grpctest.CallUnary(t.Context(), conn)
					synctest.Wait() // until a server that died was replaced
					if got := err == nil; got != want {
						t.Errorf("got %v, want retried %t", err, want)
					}
					wantAttempts := 1
					if want {
						wantAttempts = 2
					}
					if got := o.Service.Attempts(); got != wantAttempts {
						t.Errorf("the server has seen %d attempts, want %d", got, wantAttempts)
					}
					if first := w.Events[0].Failure; first.Class != tt.class || first.Reach != tt.reach {
						t.Errorf("the first attempt was %v, %v, want %v, %v", first.Class, first.Reach, tt.class, tt.reach)
					}
				})
			})
		}
	}
}

func TestRepeatable_whatWasNeverSentIsRetriedWhateverTheMethod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &grpctest.Outage{Service: &grpctest.Server{Unary: grpctest.RefuseFirst(0, nil)}}
		conn := o.Connect(t, retrytest.DialOptions(interceptor.NotRepeatable())...)
		time.AfterFunc(2500*time.Millisecond, o.Start)
		if _, err := grpctest.CallUnary(t.Context(), conn); err != nil || o.Service.Attempts() != 1 {
			t.Errorf("got %v with %d attempts at the server, want success with one", err, o.Service.Attempts())
		}
	})
}

func TestRepeatable_withoutEvidenceEverythingCountsAsLost(t *testing.T) {
	s := &grpctest.Server{Unary: grpctest.RefuseAlways(grpctest.ErrOverloaded)}
	retrytest.Bubble(t, s, func(t *testing.T, client testpb.TestServiceClient) {
		_, err := client.UnaryCall(t.Context(), &testpb.SimpleRequest{})
		if f := interceptor.FailureOf(err); s.Attempts() != 1 || f.Reach != codes.Lost {
			t.Errorf("got %v after %d attempts and %v, want one, Lost", err, s.Attempts(), f.Reach)
		}
		_, _ = client.UnaryCall(t.Context(), &testpb.SimpleRequest{}, interceptor.Repeatable())
		if s.Attempts() != 5 {
			t.Errorf("got %d attempts of a repeatable call, want 4", s.Attempts()-1)
		}
	}, interceptor.WithoutEvidence())
}
