package streams_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
	"github.com/reinvoke/reinvoke/policy"
)

// echoOrFail answers each message with its body, and fails at one that says so.
func echoOrFail(_ int, stream grpc.ServerStream) error {
	for {
		var in testpb.StreamingOutputCallRequest
		if err := stream.RecvMsg(&in); err != nil {
			if err == io.EOF { //nolint:errorlint // grpc returns io.EOF itself
				return nil
			}
			return err
		}
		body := string(in.GetPayload().GetBody())
		if body == "fail" {
			return grpctest.ErrOverloaded
		}
		if err := stream.SendMsg(grpctest.Chunk(body)); err != nil {
			return err
		}
	}
}

// TestStream_preparedByItself: messages that are prepared with a stream before anything
// was shown of it are sent as with grpc alone. They commit the stream, for they cannot be
// kept: a failure is not retried.
func TestStream_preparedByItself(t *testing.T) {
	prepared := func(stream grpc.ClientStream, body string) error {
		var m grpc.PreparedMsg
		if err := m.Encode(stream, grpctest.Ask(body)); err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		return stream.SendMsg(&m)
	}
	plain := func(stream grpc.ClientStream, body string) error { return stream.SendMsg(grpctest.Ask(body)) }
	for name, sends := range map[string][]struct {
		send func(grpc.ClientStream, string) error
		body string
	}{
		"first":                      {{prepared, "a"}},
		"alone, empty":               {{prepared, ""}},
		"after one that is kept":     {{plain, "a"}, {prepared, "b"}},
		"before others":              {{prepared, "a"}, {plain, "b"}, {prepared, "c"}},
		"and the server fails":       {{prepared, "fail"}},
		"and the server fails later": {{plain, "a"}, {prepared, "fail"}},
		"and the server has failed":  {{prepared, "fail"}, {prepared, "a"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var seen [2][]string
				for i, dial := range [][]grpc.DialOption{{grpc.WithDisableRetry()}, retrytest.DialOptions(interceptor.Repeatable())} {
					attempts := 0
					conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error { attempts = n; return echoOrFail(n, stream) }, dial)
					stream := grpctest.OpenRaw(t, conn, bidiStreamDesc)
					note := func(format string, args ...any) { seen[i] = append(seen[i], fmt.Sprintf(format, args...)) }
					for _, s := range sends {
						note("sent %q: %v", s.body, s.send(stream, s.body))
						synctest.Wait()
					}
					note("closed: %v", stream.CloseSend())
					bodies, err := grpctest.Drain(stream)
					synctest.Wait()
					note("received %q, %v, after %d attempts", bodies, status.Convert(err).Proto(), attempts)
					var final *interceptor.Error
					if errors.As(err, &final) && final.Why != policy.Committed {
						t.Errorf("got %v, want that the stream was committed", err)
					}
				}
				if diff := cmp.Diff(seen[0], seen[1]); diff != "" {
					t.Errorf("without and with the interceptor (-without +with):\n%s", diff)
				}
			})
		})
	}
}
