package codes_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"

	"github.com/reinvoke/reinvoke/codes"
)

// proxy runs an HTTP/2 server without TLS that answers everything with the
// status and a page of HTML.
func proxy(t *testing.T, status int) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, "<h1>%d</h1> Please retry in 30s. limit: 0", status)
	}))
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func TestEvidence_proxyAnswers(t *testing.T) {
	lost := func(code grpccodes.Code, class codes.Class, rule string) verdict {
		return verdict{code, class, codes.Lost, rule}
	}
	for status, want := range map[int]verdict{
		http.StatusTooManyRequests:       lost(grpccodes.Unavailable, codes.Network, "http-unavailable"),
		http.StatusBadGateway:            lost(grpccodes.Unavailable, codes.Network, "http-unavailable"),
		http.StatusServiceUnavailable:    lost(grpccodes.Unavailable, codes.Network, "http-unavailable"),
		http.StatusGatewayTimeout:        lost(grpccodes.Unavailable, codes.Network, "http-unavailable"),
		http.StatusInternalServerError:   lost(grpccodes.Unknown, codes.Network, "http-unavailable"),
		http.StatusRequestTimeout:        lost(grpccodes.Unknown, codes.Network, "http-unavailable"),
		http.StatusUnauthorized:          lost(grpccodes.Unauthenticated, codes.Auth, "unauthenticated"),
		http.StatusForbidden:             lost(grpccodes.PermissionDenied, codes.Auth, "permission-denied"),
		http.StatusNotFound:              lost(grpccodes.Unimplemented, codes.Request, "unimplemented"),
		http.StatusBadRequest:            lost(grpccodes.Internal, codes.Request, "http-refused"),
		http.StatusFound:                 lost(grpccodes.Unknown, codes.Request, "http-refused"),
		http.StatusRequestEntityTooLarge: lost(grpccodes.Unknown, codes.Request, "http-refused"),
		http.StatusOK:                    lost(grpccodes.Unknown, codes.Request, "http-refused"),
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			addr := proxy(t, status)
			dial(t, addr).both(t, want)
			if f := dial(t, addr).check(t); f.Delay != 0 {
				t.Errorf("delay %v taken from a page of HTML, want none", f.Delay)
			}
		})
	}
}

func TestEvidence_tls(t *testing.T) {
	cert, trusting := certificate(t)
	server := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	client := func(config *tls.Config) grpc.DialOption {
		return grpc.WithTransportCredentials(credentials.NewTLS(config))
	}
	refused := verdict{grpccodes.Unavailable, codes.Request, codes.Unsent, "tls-handshake"}

	t.Run("a server with a trusted certificate is no failure", func(t *testing.T) {
		_, addr := serve(t, echo(), grpc.Creds(server))
		dial(t, addr, client(trusting)).connect(t)
	})
	t.Run("a TLS client meets a plaintext server", func(t *testing.T) {
		_, addr := serve(t, echo())
		dial(t, addr, client(trusting)).both(t, refused)
	})
	t.Run("a plaintext client meets a TLS server", func(t *testing.T) {
		_, addr := serve(t, echo(), grpc.Creds(server))
		dial(t, addr).both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Unsent, "connection-failed"})
	})
	t.Run("the authority is unknown", func(t *testing.T) {
		_, addr := serve(t, echo(), grpc.Creds(server))
		dial(t, addr, client(&tls.Config{RootCAs: x509.NewCertPool(), ServerName: "example.com", MinVersion: tls.VersionTLS12})).both(t, refused)
	})
	t.Run("the name is another", func(t *testing.T) {
		_, addr := serve(t, echo(), grpc.Creds(server))
		other := trusting.Clone()
		other.ServerName = "elsewhere.example"
		dial(t, addr, client(other)).both(t, refused)
	})
	t.Run("the server wants a certificate of the client", func(t *testing.T) {
		// In TLS 1.3 the client has finished its handshake when the refusal
		// comes, and may meet the closed connection first.
		strict := credentials.NewTLS(&tls.Config{ //nolint:gosec // the older version is the point
			Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAnyClientCert,
			MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		})
		_, addr := serve(t, echo(), grpc.Creds(strict))
		dial(t, addr, client(trusting)).both(t, refused)
	})
	t.Run("the authority of the call is not in the certificate", func(t *testing.T) {
		_, addr := serve(t, echo(), grpc.Creds(server))
		dial(t, addr, client(trusting)).both(t,
			verdict{grpccodes.Unavailable, codes.Request, codes.Unsent, "wrong-set-up"}, grpc.CallAuthority("elsewhere.example"))
	})
	t.Run("the handshake is cut", func(t *testing.T) {
		lis := listen(t)
		go func() {
			for {
				conn, err := lis.Accept()
				if err != nil {
					return
				}
				_ = conn.Close()
			}
		}()
		dial(t, lis.Addr().String(), client(trusting)).
			both(t, verdict{grpccodes.Unavailable, codes.Network, codes.Unsent, "handshake-cut"})
	})
}
