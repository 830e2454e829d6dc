package codes_test

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// echo answers every request with success.
func echo() *service {
	return &service{
		check: func(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
			return &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}, nil
		},
		watch: func(stream grpc.ServerStreamingServer[healthpb.HealthCheckResponse]) error {
			return stream.Send(&healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING})
		},
	}
}

func TestEvidence_messageTooLarge(t *testing.T) {
	want := func(reach codes.Reach) verdict {
		return verdict{grpccodes.ResourceExhausted, codes.Request, reach, "message-too-large"}
	}
	t.Run("for the client to send", func(t *testing.T) {
		_, addr := serve(t, echo())
		dial(t, addr).both(t, want(codes.Lost), grpc.MaxCallSendMsgSize(1))
	})
	t.Run("for the client to receive", func(t *testing.T) {
		_, addr := serve(t, echo())
		dial(t, addr).both(t, want(codes.Lost), grpc.MaxCallRecvMsgSize(1))
	})
	t.Run("for the server to receive", func(t *testing.T) {
		_, addr := serve(t, echo(), grpc.MaxRecvMsgSize(1))
		dial(t, addr).both(t, want(codes.Answered))
	})
	t.Run("for the server to send", func(t *testing.T) {
		_, addr := serve(t, echo(), grpc.MaxSendMsgSize(1))
		dial(t, addr).both(t, want(codes.Answered))
	})
}

func TestEvidence_codec(t *testing.T) {
	_, addr := serve(t, echo())
	dial(t, addr).both(t, verdict{grpccodes.Internal, codes.Request, codes.Unsent, "codec"},
		grpc.CallContentSubtype("no-such-codec"))
}

// broken is a source of per-RPC credentials that fails.
type broken struct {
	err    error
	secure bool
}

func (b broken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return nil, b.err
}

func (b broken) RequireTransportSecurity() bool { return b.secure }

var _ credentials.PerRPCCredentials = broken{}

func TestEvidence_credentialsFail(t *testing.T) {
	const network = `Post "https://oauth2.googleapis.com/token": dial tcp: i/o timeout`
	unsent := func(code grpccodes.Code, class codes.Class, rule string) verdict {
		return verdict{code, class, codes.Unsent, rule}
	}
	for _, tc := range []struct {
		name           string
		err            error
		onDial, onCall verdict
	}{
		{
			"a token fetch cut by the network", errors.New("oauth2: cannot fetch token: " + network),
			unsent(grpccodes.Unauthenticated, codes.Network, "token-fetch-failed"),
			unsent(grpccodes.Internal, codes.Network, "token-fetch-failed"),
		},
		{
			"a grant that the token endpoint refuses", errors.New(`oauth2: "invalid_grant" "Token has been expired or revoked."`),
			unsent(grpccodes.Unauthenticated, codes.Auth, "credentials-refused"),
			unsent(grpccodes.Internal, codes.Auth, "credentials-refused"),
		},
		{
			"a status of the source itself", status.Error(grpccodes.Unavailable, "metadata server is down"),
			unsent(grpccodes.Unavailable, codes.Network, "unavailable-unsent"),
			unsent(grpccodes.Unavailable, codes.Network, "unavailable-unsent"),
		},
		{
			"a status that a source must not return", status.Error(grpccodes.NotFound, "no such service account"),
			unsent(grpccodes.Internal, codes.Auth, "credentials-refused"),
			unsent(grpccodes.Internal, codes.Auth, "credentials-refused"),
		},
	} {
		_, addr := serve(t, echo())
		t.Run(tc.name+", as dial option", func(t *testing.T) {
			dial(t, addr, grpc.WithPerRPCCredentials(broken{err: tc.err})).both(t, tc.onDial)
		})
		t.Run(tc.name+", as call option", func(t *testing.T) {
			dial(t, addr).both(t, tc.onCall, grpc.PerRPCCredentials(broken{err: tc.err}))
		})
	}
}

func TestEvidence_secureCredentialsOnPlaintext(t *testing.T) {
	_, addr := serve(t, echo())
	dial(t, addr).both(t, verdict{grpccodes.Unauthenticated, codes.Request, codes.Unsent, "insecure-connection"},
		grpc.PerRPCCredentials(broken{secure: true}))
}

func TestEvidence_retriesOfGRPC(t *testing.T) {
	const policy = `{"methodConfig": [{"name": [{}], "retryPolicy": {"maxAttempts": 2, "initialBackoff": "0.001s",
		"maxBackoff": "0.001s", "backoffMultiplier": 1, "retryableStatusCodes": ["UNAVAILABLE"]}}]}`
	_, addr := serve(t, failing(busy(), false))
	w := &witness{}
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(w.unary), grpc.WithStreamInterceptor(w.stream), grpc.WithDefaultServiceConfig(policy))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &client{witness: w, conn: conn, health: healthpb.NewHealthClient(conn)}
	c.both(t, verdict{grpccodes.Unavailable, codes.Server, codes.Answered, "overloaded"})
}
