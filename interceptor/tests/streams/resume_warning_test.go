package streams_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestResume_warnsOnceWhereItDoesNothing: for a bidirectional stream. The other kinds
// have one answer or can be resumed.
func TestResume_warnsOnceWhereItDoesNothing(t *testing.T) {
	const bidiMethod = "/grpc.testing.TestService/FullDuplexCall"
	for _, tt := range []struct {
		name   string
		desc   grpc.StreamDesc
		method string
		opts   []interceptor.Option
		want   string
	}{
		{
			"a bidirectional stream", bidiStreamDesc, bidiMethod,
			[]interceptor.Option{interceptor.WithResume(fromThere)},
			"WARN [RETRY] interceptor.WithResume does nothing for " + bidiMethod + ", which is a bidirectional stream: it is for server streams",
		},
		{
			"set for the method", bidiStreamDesc, bidiMethod,
			[]interceptor.Option{interceptor.WithMethod(bidiMethod, interceptor.WithResume(fromThere))},
			"WARN [RETRY] interceptor.WithResume does nothing for " + bidiMethod + ", which is a bidirectional stream: it is for server streams",
		},
		{"switched off", bidiStreamDesc, bidiMethod, []interceptor.Option{interceptor.WithResume(nil)}, ""},
		{"a server stream", *grpctest.ServerStream, grpctest.StreamMethod, []interceptor.Option{interceptor.WithResume(fromThere)}, ""},
		{"a client stream", clientStreamDesc, "/grpc.testing.TestService/StreamingInputCall", []interceptor.Option{interceptor.WithResume(fromThere)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var log retrytest.Lines
			retrytest.Setup{Options: append(tt.opts, log.Option())}.Run(t, &grpctest.Server{}, func(t *testing.T, conn *grpc.ClientConn) {
				for range 2 {
					if _, err := conn.NewStream(t.Context(), &tt.desc, tt.method); err != nil {
						t.Fatal(err)
					}
				}
				if got := strings.TrimSpace(log.Text()); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}
