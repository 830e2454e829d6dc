package codes_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/credentials/jwt"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/reinvoke/reinvoke/codes"
)

// to is dial for any target.
func to(t *testing.T, target string, opts ...grpc.DialOption) *client {
	t.Helper()
	w := &witness{}
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
		grpc.WithUnaryInterceptor(w.unary), grpc.WithStreamInterceptor(w.stream),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{witness: w, conn: conn, health: healthpb.NewHealthClient(conn)}
}

func TestEvidence_targetsThatAreNone(t *testing.T) {
	for target, rule := range map[string]string{
		"http://localhost:5110":           "wrong-target",
		"https://example.com:443":         "wrong-target",
		"tcp://127.0.0.1:9000":            "wrong-target",
		"dns:///localhost:":               "wrong-target",
		"dns:///a:b:c":                    "wrong-target",
		"unix://host/run/x.sock":          "wrong-target",
		"passthrough:///fc00::4:51111":    "wrong-address",
		"passthrough:///localhost":        "wrong-address",
		"passthrough:///[::1:80":          "wrong-address",
		"passthrough:///localhost:99999":  "wrong-address",
		"passthrough:///localhost:grpc-x": "wrong-address",
		"dns:///127.0.0.1:99999":          "wrong-address",
		"dns:///127.0.0.1:grpc-x":         "wrong-address",
	} {
		t.Run(target, func(t *testing.T) {
			to(t, target).both(t, verdict{grpccodes.Unavailable, codes.Request, codes.Unsent, rule})
		})
	}
}

// TestEvidence_namesThatMayComeBack: not every target that cannot be reached is none.
func TestEvidence_namesThatMayComeBack(t *testing.T) {
	lost := func(context.Context, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "shop.example", IsNotFound: true}}
	}
	to(t, "passthrough:///shop.example:443", grpc.WithContextDialer(lost)).
		both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Unsent, "connection-failed"})
}

func TestEvidence_peerWithoutHTTP2(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	dial(t, server.Listener.Addr().String()).both(t, verdict{grpccodes.Unavailable, codes.Request, codes.Unsent, "no-http2"})
}

// through dials as grpc-go does through a forward proxy that gives this answer to
// CONNECT, and fails with the error that grpc-go makes of it (internal/transport/proxy.go).
func through(t *testing.T, answer http.HandlerFunc) func(context.Context, string) (net.Conn, error) {
	t.Helper()
	proxy := httptest.NewServer(answer)
	t.Cleanup(proxy.Close)
	return func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", proxy.Listener.Addr().String())
		if err != nil {
			return nil, err
		}
		defer func() { _ = conn.Close() }()
		if _, err := fmt.Fprintf(conn, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", addr, addr); err != nil {
			return nil, err
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: http.MethodConnect})
		if err != nil {
			return nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		dump, err := httputil.DumpResponse(resp, true)
		if err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("failed to do connect handshake, response: %q", dump)
	}
}

func TestEvidence_forwardProxy(t *testing.T) {
	unsent := func(class codes.Class, rule string) verdict {
		return verdict{grpccodes.Unavailable, class, codes.Unsent, rule}
	}
	for status, want := range map[int]verdict{
		http.StatusUnauthorized:       unsent(codes.Auth, "proxy-refused"),
		http.StatusForbidden:          unsent(codes.Auth, "proxy-refused"),
		http.StatusProxyAuthRequired:  unsent(codes.Auth, "proxy-refused"),
		http.StatusMethodNotAllowed:   unsent(codes.Request, "proxy-no-connect"),
		http.StatusTooManyRequests:    unsent(codes.Network, "connection-failed"),
		http.StatusBadGateway:         unsent(codes.Network, "connection-failed"),
		http.StatusServiceUnavailable: unsent(codes.Network, "connection-failed"),
		http.StatusGatewayTimeout:     unsent(codes.Network, "connection-failed"),
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			dialer := through(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			to(t, "passthrough:///shop.example:443", grpc.WithContextDialer(dialer)).both(t, want)
		})
	}
}

// TestEvidence_tokenFile: gRFC A97.
func TestEvidence_tokenFile(t *testing.T) {
	cert, trusting := certificate(t)
	_, addr := serve(t, echo(), grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})))
	with := func(t *testing.T, file string) *client {
		t.Helper()
		creds, err := jwt.NewTokenFileCallCredentials(file)
		if err != nil {
			t.Fatal(err)
		}
		return dial(t, addr, grpc.WithTransportCredentials(credentials.NewTLS(trusting)), grpc.WithPerRPCCredentials(creds))
	}
	file := filepath.Join(t.TempDir(), "token")
	t.Run("that is not there yet", func(t *testing.T) {
		with(t, file).both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Unsent, "token-fetch-failed"})
	})
	if err := os.WriteFile(file, []byte("no token"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("that holds none", func(t *testing.T) {
		with(t, file).both(t, verdict{grpccodes.Unauthenticated, codes.Auth, codes.Unsent, "unauthenticated"})
	})
}
