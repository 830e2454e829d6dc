package gapic_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	"github.com/google/go-cmp/cmp"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/gapic"
	"github.com/reinvoke/reinvoke/policy"
)

// server is a Gemini server that is overloaded for its first attempts.
type server struct {
	pb.UnimplementedGenerativeServiceServer
	overloaded int

	mu        sync.Mutex
	attempts  int
	deadlines []time.Duration // that the attempts came with
}

func (s *server) next(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	if deadline, ok := ctx.Deadline(); ok {
		s.deadlines = append(s.deadlines, time.Until(deadline))
	}
	if s.attempts <= s.overloaded {
		return status.Error(grpccodes.Unavailable, "The model is overloaded. Please try again later.")
	}
	return nil
}

func (s *server) GenerateContent(ctx context.Context, _ *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	return &pb.GenerateContentResponse{}, s.next(ctx)
}

func (s *server) StreamGenerateContent(_ *pb.GenerateContentRequest, out pb.GenerativeService_StreamGenerateContentServer) error {
	if err := s.next(out.Context()); err != nil {
		return err
	}
	return out.Send(&pb.GenerateContentResponse{})
}

// start serves on loopback and returns how to get there.
func start(t *testing.T, s *server) []option.ClientOption {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	pb.RegisterGenerativeServiceServer(srv, s)
	go func() { _ = srv.Serve(listener) }()
	t.Cleanup(srv.Stop)
	return []option.ClientOption{
		option.WithEndpoint(listener.Addr().String()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}
}

// once retries an overloaded server once, at once.
func once() []interceptor.Option {
	return []interceptor.Option{
		interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 1, Base: time.Millisecond, Max: time.Millisecond, Multiplier: 1}),
	}
}

// newClient returns the official client.
func newClient(t *testing.T, s *server, opts []option.ClientOption) *generativelanguage.GenerativeClient {
	t.Helper()
	client, err := generativelanguage.NewGenerativeClient(context.Background(), append(opts, start(t, s)...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// TestDisableRetry_oneLayer: a server that is overloaded for three attempts gets two,
// as the table says. With the loop of gax above it gets four.
func TestDisableRetry_oneLayer(t *testing.T) {
	for _, tt := range []struct {
		name     string
		disable  bool
		attempts int
		code     grpccodes.Code
	}{
		{"both layers", false, 4, grpccodes.OK},
		{"the interceptor alone", true, 2, grpccodes.Unavailable},
	} {
		for _, method := range []string{"GenerateContent", "StreamGenerateContent"} {
			t.Run(tt.name+", "+method, func(t *testing.T) {
				s := &server{overloaded: 3}
				client := newClient(t, s, gapic.ClientOptions(once()...))
				if tt.disable {
					gapic.DisableRetry(client.CallOptions)
				}
				var err error
				if method == "GenerateContent" {
					_, err = client.GenerateContent(t.Context(), &pb.GenerateContentRequest{})
				} else {
					var stream pb.GenerativeService_StreamGenerateContentClient
					if stream, err = client.StreamGenerateContent(t.Context(), &pb.GenerateContentRequest{}); err == nil {
						_, err = stream.Recv()
					}
				}
				want, code := tt.attempts, tt.code
				if !tt.disable && method == "StreamGenerateContent" { // the loop of gax ends with the opening of a stream
					want, code = 2, grpccodes.Unavailable
				}
				if s.attempts != want || status.Code(err) != code {
					t.Errorf("%d attempts, %v: want %d and %v", s.attempts, err, want, code)
				}
			})
		}
	}
}

// TestDisableRetry_keepsDeadlines: the client's own still reaches the server, and
// bounds all attempts together.
func TestDisableRetry_keepsDeadlines(t *testing.T) {
	s := &server{overloaded: 1}
	client := newClient(t, s, gapic.ClientOptions(once()...))
	gapic.DisableRetry(client.CallOptions)
	if _, err := client.GenerateContent(t.Context(), &pb.GenerateContentRequest{}); err != nil {
		t.Fatal(err)
	}
	if len(s.deadlines) != 2 || s.deadlines[0] > 600*time.Second || s.deadlines[0] < 590*time.Second || s.deadlines[1] >= s.deadlines[0] {
		t.Errorf("the attempts had %v left, want less than the client's 600s, and less each time", s.deadlines)
	}
}

// TestRetries_namesWhatRetriesAbove, and nothing else.
func TestRetries_namesWhatRetriesAbove(t *testing.T) {
	client := newClient(t, &server{}, nil)
	want := []string{
		"GenerateContent", "GenerateAnswer", "StreamGenerateContent", "EmbedContent", "BatchEmbedContents", "CountTokens",
	}
	if diff := cmp.Diff(want, gapic.Retries(client.CallOptions)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	gapic.DisableRetry(client.CallOptions)
	if got := gapic.Retries(client.CallOptions); len(got) > 0 {
		t.Errorf("%v retry still", got)
	}
	client.CallOptions.CountTokens = append(client.CallOptions.CountTokens, gax.WithRetry(func() gax.Retryer {
		return gax.OnCodes([]grpccodes.Code{grpccodes.Unavailable}, gax.Backoff{})
	}))
	if got := gapic.Retries(client.CallOptions); !slices.Equal(got, []string{"CountTokens"}) {
		t.Errorf("got %v, want CountTokens, which was switched on again", got)
	}
}

// TestDisableRetry_addsWhatItMust: one option to each method that retries, once.
func TestDisableRetry_addsWhatItMust(t *testing.T) {
	o := &generativelanguage.GenerativeCallOptions{
		GenerateContent: []gax.CallOption{
			gax.WithTimeout(time.Minute), nil, gax.WithRetry(func() gax.Retryer { return gax.OnHTTPCodes(gax.Backoff{}) }),
		},
		GenerateAnswer: []gax.CallOption{gax.WithRetry(func() gax.Retryer { return nil })}, // which is none
		CountTokens:    []gax.CallOption{gax.WithTimeout(time.Minute)},
	}
	for range 2 {
		gapic.DisableRetry(o)
		if got := []int{len(o.GenerateContent), len(o.GenerateAnswer), len(o.CountTokens), len(o.EmbedContent)}; !slices.Equal(got, []int{4, 1, 1, 0}) {
			t.Errorf("%v options, want 4, 1, 1 and 0", got)
		}
	}
}

// TestDisableRetry_ofSomethingElse panics, and says what was expected.
func TestDisableRetry_ofSomethingElse(t *testing.T) {
	var none *generativelanguage.GenerativeCallOptions
	for _, tt := range []struct {
		given any
		want  string
	}{
		{nil, "<nil>: want the field CallOptions of a generated client"},
		{none, "*generativelanguage.GenerativeCallOptions: want the field CallOptions of a generated client"},
		{generativelanguage.GenerativeCallOptions{}, "generativelanguage.GenerativeCallOptions: want the field CallOptions of a generated client"},
		{new(int), "*int: want the field CallOptions of a generated client"},
		{&struct{ X []int }{}, "*struct { X []int }: no field of type []gax.CallOption: want the field CallOptions of a generated client"},
	} {
		for name, f := range map[string]func(){
			"DisableRetry": func() { gapic.DisableRetry(tt.given) },
			"Retries":      func() { gapic.Retries(tt.given) },
		} {
			func() {
				defer func() {
					if got, want := recover(), "gapic: "+name+": "+tt.want; got != want {
						t.Errorf("got %v, want %s", got, want)
					}
				}()
				f()
			}()
		}
	}
}

// example starts a server for the examples.
func example() (opts []option.ClientOption, stop func()) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	srv := grpc.NewServer()
	pb.RegisterGenerativeServiceServer(srv, &server{overloaded: 1})
	go func() { _ = srv.Serve(listener) }()
	return []option.ClientOption{
		option.WithEndpoint(listener.Addr().String()), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}, srv.Stop
}

func ExampleClientOptions() {
	where, stop := example() // for the real service: option.WithAPIKey
	defer stop()
	ctx := context.Background()
	opts := gapic.ClientOptions(
		interceptor.WithPolicy(codes.Server, policy.Policy{Retries: 3, Base: time.Millisecond, Max: time.Second, Multiplier: 2}),
		interceptor.WithObserver(func(_ context.Context, e interceptor.Event) {
			if e.Outcome != interceptor.Pending {
				fmt.Println(e.Outcome, "after", e.Attempt, "attempts")
			}
		}),
	)
	client, err := generativelanguage.NewGenerativeClient(ctx, append(opts, where...)...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close() //nolint:errcheck // an example
	gapic.DisableRetry(client.CallOptions)
	_, err = client.GenerateContent(ctx, &pb.GenerateContentRequest{Model: "models/gemini-2.5-flash"})
	fmt.Println(err)
	// Output:
	// recovered after 2 attempts
	// <nil>
}

// One Retrier for several clients of a service: they share its budget and its gates.
func ExampleClientOptionsFor() {
	where, stop := example()
	defer stop()
	ctx := context.Background()
	r := interceptor.New()
	opts := append(gapic.ClientOptionsFor(r), where...)
	generative, err := generativelanguage.NewGenerativeClient(ctx, opts...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer generative.Close() //nolint:errcheck // an example
	models, err := generativelanguage.NewModelClient(ctx, opts...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer models.Close() //nolint:errcheck // an example
	gapic.DisableRetry(generative.CallOptions)
	gapic.DisableRetry(models.CallOptions)
	fmt.Println(len(gapic.Retries(generative.CallOptions)), len(gapic.Retries(models.CallOptions)))
	// Output: 0 0
}

// A program that insists on a single layer of retries.
func ExampleRetries() {
	o := &generativelanguage.GenerativeCallOptions{
		CountTokens: []gax.CallOption{gax.WithRetry(func() gax.Retryer {
			return gax.OnCodes([]grpccodes.Code{grpccodes.Unavailable}, gax.Backoff{})
		})},
	}
	fmt.Println("before:", strings.Join(gapic.Retries(o), ", "))
	gapic.DisableRetry(o)
	if names := gapic.Retries(o); len(names) > 0 {
		fmt.Println("these retry in two layers:", names)
	}
	// Output: before: CountTokens
}

func ExampleDisableRetry() {
	o := &generativelanguage.GenerativeCallOptions{GenerateContent: []gax.CallOption{
		gax.WithTimeout(10 * time.Minute), // stays
		gax.WithRetry(func() gax.Retryer { return gax.OnCodes([]grpccodes.Code{grpccodes.Unavailable}, gax.Backoff{}) }),
	}}
	gapic.DisableRetry(o)
	fmt.Println(gapic.Retries(o))
	// Output: []
}
