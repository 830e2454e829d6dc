package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	pb "cloud.google.com/go/ai/generativelanguage/apiv1beta/generativelanguagepb"
	aiplatform "cloud.google.com/go/aiplatform/apiv1"
	vertexpb "cloud.google.com/go/aiplatform/apiv1/aiplatformpb"
	"google.golang.org/api/option"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/interceptor/google"
)

// quotas are 60 requests in each minute for every name, a model or a region.
type quotas struct {
	pb.UnimplementedGenerativeServiceServer
	began time.Time

	mu      sync.Mutex
	minute  map[string]time.Duration
	used    map[string]int
	took    map[string]int
	refused map[string]int
}

// ask counts a request against a quota.
func (q *quotas) ask(name string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Since(q.began)
	if q.used == nil {
		q.minute, q.used, q.took, q.refused = map[string]time.Duration{}, map[string]int{}, map[string]int{}, map[string]int{}
	}
	if m := now / time.Minute; q.minute[name] != m {
		q.minute[name], q.used[name] = m, 0
	}
	if q.used[name]++; q.used[name] <= 60 {
		q.took[name]++
		return nil
	}
	q.refused[name]++
	refused, err := status.New(grpccodes.ResourceExhausted, "You exceeded your current quota.").
		WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New((q.minute[name]+1)*time.Minute - now)})
	if err != nil {
		return err
	}
	return refused.Err()
}

// GenerateContent answers for Gemini.
func (q *quotas) GenerateContent(_ context.Context, in *pb.GenerateContentRequest) (*pb.GenerateContentResponse, error) {
	return &pb.GenerateContentResponse{}, q.ask(in.GetModel())
}

// vertexQuotas answers for Vertex AI.
type vertexQuotas struct {
	vertexpb.UnimplementedPredictionServiceServer
	*quotas
	region string // the server's
}

// GenerateContent answers for Vertex AI. A region knows no other.
func (q *vertexQuotas) GenerateContent(_ context.Context, in *vertexpb.GenerateContentRequest) (*vertexpb.GenerateContentResponse, error) {
	if !strings.Contains(in.GetModel(), "/locations/"+q.region+"/") {
		return nil, status.Error(grpccodes.InvalidArgument, "this is "+q.region)
	}
	return &vertexpb.GenerateContentResponse{}, q.ask(q.region)
}

// connect serves in memory, and returns a connection with these options.
func connect(t *testing.T, srv *grpc.Server, opts ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	go func() { _ = srv.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///memory", append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		srv.Stop()
	})
	return conn
}

// gemini returns a call of the official Gemini client.
func gemini(t *testing.T, q *quotas, opts ...interceptor.Option) func(context.Context) error {
	srv := grpc.NewServer()
	pb.RegisterGenerativeServiceServer(srv, q)
	client, err := generativelanguage.NewGenerativeClient(t.Context(), option.WithGRPCConn(connect(t, srv, interceptor.DialOptions(opts...)...)))
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context) error {
		_, err := client.GenerateContent(ctx, question("models/a"))
		return err
	}
}

// vertex returns a call of the official Vertex AI client, to a server of each region.
func vertex(t *testing.T, q *quotas, more bool) func(context.Context) error {
	serve := func(region string) *grpc.Server {
		srv := grpc.NewServer()
		vertexpb.RegisterPredictionServiceServer(srv, &vertexQuotas{quotas: q, region: region})
		return srv
	}
	var opts []interceptor.Option
	if more {
		east := connect(t, serve("us-east1"))
		opts = append(opts, interceptor.WithTargets(google.Regions(map[string]grpc.ClientConnInterface{"us-east1": east})...))
	}
	client, err := aiplatform.NewPredictionClient(t.Context(), option.WithGRPCConn(connect(t, serve("us-west1"), interceptor.DialOptions(opts...)...)))
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context) error {
		_, err := client.GenerateContent(ctx, &vertexpb.GenerateContentRequest{Model: "projects/p/locations/us-west1/publishers/google/models/m"})
		return err
	}
}

// TestQuotas: a batch of 240 calls with the official clients, through quotas of 60 a minute,
// takes half the time with a second model, or a second region. A closed one gets no request
// but what was on its way, and its scouts.
func TestQuotas(t *testing.T) {
	const calls, workers = 240, 4
	for name, call := range map[string]func(t *testing.T, q *quotas, more bool) func(context.Context) error{
		"models of Gemini": func(t *testing.T, q *quotas, more bool) func(context.Context) error {
			if !more {
				return gemini(t, q)
			}
			return gemini(t, q, interceptor.WithTargets(google.Models("models/b")...))
		},
		"regions of Vertex AI": vertex,
	} {
		t.Run(name, func(t *testing.T) {
			times := map[bool]time.Duration{}
			for _, more := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					q := &quotas{began: time.Now()}
					f := call(t, q, more)
					times[more] = batch(t, calls, workers, f)
					t.Logf("with another place %v: %v, accepted %v, refused %v", more, times[more], q.took, q.refused)
					for place, n := range q.refused {
						minutes := int(times[more]/time.Minute) + 1
						if most := minutes * (workers + 6); n > most { // scouts after 1, 2, 4 s and so on
							t.Errorf("%s has refused %d requests in %d min, want %d at most", place, n, minutes, most)
						}
					}
				})
			}
			if alone, both := times[false], times[true]; alone < 3*time.Minute || both > 2*time.Minute {
				t.Errorf("%v alone, %v with another place, want half the time", alone, both)
			}
		})
	}
}

// batch makes the calls, and returns how long they took.
func batch(t *testing.T, calls, workers int, call func(context.Context) error) time.Duration {
	t.Helper()
	began := time.Now()
	work := make(chan int, calls)
	for n := range calls {
		work <- n
	}
	close(work)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for n := range work {
				if err := call(t.Context()); err != nil {
					t.Error(fmt.Errorf("call %d: %w", n, err))
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}
