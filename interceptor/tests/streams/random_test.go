package streams_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
	"github.com/reinvoke/reinvoke/internal/retrytest"
)

// TestAllKinds_concurrentSendAndReceive: five conversations of twenty messages
// at once, each with a goroutine that sends and one that receives, while the first
// attempts fail at some message. Nothing is lost and nothing comes twice.
func TestAllKinds_concurrentSendAndReceive(t *testing.T) {
	const conversations, messages = 5, 20
	for failAt := range messages {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			attempts := map[string]int{}
			conn := grpctest.ServeRaw(t, func(_ int, stream grpc.ServerStream) error {
				md, _ := metadata.FromIncomingContext(stream.Context())
				mu.Lock()
				attempts[md["talk"][0]]++
				n := attempts[md["talk"][0]]
				mu.Unlock()
				var held []string
				for i := 0; ; i++ {
					in := grpctest.Ask("")
					if err := stream.RecvMsg(in); errors.Is(err, io.EOF) {
						break
					} else if err != nil {
						return err
					}
					if n <= 2 && i == failAt {
						return grpctest.ErrOverloaded
					}
					held = append(held, string(in.GetPayload().GetBody()))
				}
				for _, body := range held {
					if err := stream.SendMsg(grpctest.Chunk(body)); err != nil {
						return err
					}
				}
				return nil
			}, retrytest.DialOptions(interceptor.Repeatable()))
			var all sync.WaitGroup
			for talk := range conversations {
				all.Go(func() {
					ctx := metadata.AppendToOutgoingContext(t.Context(), "talk", strconv.Itoa(talk))
					stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/test.Raw/Call")
					if err != nil {
						t.Error(err)
						return
					}
					all.Go(func() {
						for i := range messages {
							m := grpctest.Ask(fmt.Sprintf("%d/%d", talk, i))
							if err := stream.SendMsg(m); err != nil {
								t.Errorf("SendMsg: %v", err)
							}
							m.Payload.Body = []byte("changed") // it is the caller's again
							if i%7 == 0 {
								time.Sleep(time.Second)
							}
						}
						if err := stream.CloseSend(); err != nil {
							t.Errorf("CloseSend: %v", err)
						}
					})
					for i := range messages {
						if body, err := grpctest.Receive(stream); err != nil || body != fmt.Sprintf("%d/%d", talk, i) {
							t.Errorf("fail at %d: message %d is %q, %v", failAt, i, body, err)
							return
						}
					}
					if _, err := grpctest.Receive(stream); err != io.EOF { //nolint:errorlint // what grpc returns is io.EOF itself
						t.Errorf("the end: %v", err)
					}
				})
			}
			all.Wait()
			for talk, n := range attempts {
				if n != 3 {
					t.Errorf("fail at %d: conversation %s took %d attempts, want 3", failAt, talk, n)
				}
			}
		})
	}
}

// TestAllKinds_random: streams of any kind whose attempts fail at random before
// they show something, with messages of any size, some of them more than grpc takes
// at once. What arrives at the attempt that stands is what was sent, and what is
// delivered is its answer.
func TestAllKinds_random(t *testing.T) {
	for round := range 150 {
		seed := grpctest.Seed(t, round)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // a test has to be repeatable, not secret
			kind := grpctest.Kinds[1+r.IntN(3)]
			var sent []string
			count, size := 1, grpctest.Of(r, 1, 10, 1000, 30_000)
			if kind.Desc.ClientStreams {
				count = r.IntN(12)
			}
			for i := range count {
				sent = append(sent, fmt.Sprintf("%d:%s", i, strings.Repeat("x", r.IntN(size))))
			}
			failures, failAt, early := r.IntN(4), r.IntN(count+1), grpctest.Once(r, 3)
			beside, header, echo := grpctest.Once(r, 2), grpctest.Once(r, 4), kind.Desc.ServerStreams && grpctest.Once(r, 2)
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				conn := grpctest.ServeRaw(t, func(n int, stream grpc.ServerStream) error {
					attempts = n
					if early {
						_ = stream.SendHeader(grpctest.OddHeader())
					}
					var got []string
					for i := 0; ; i++ {
						if n <= failures && i == failAt {
							return grpctest.ErrOverloaded
						}
						in := grpctest.Ask("")
						if err := stream.RecvMsg(in); err != nil {
							break
						}
						got = append(got, string(in.GetPayload().GetBody()))
						if echo && n > failures {
							if err := stream.SendMsg(grpctest.Chunk(got[i])); err != nil {
								return err
							}
						}
					}
					if n <= failures {
						return grpctest.ErrOverloaded
					}
					if !echo {
						return stream.SendMsg(grpctest.Chunk(strings.Join(got, " ")))
					}
					return nil
				}, retrytest.DialOptions(interceptor.Repeatable(), interceptor.WithReplayBuffer(1<<20)))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				stream, err := conn.NewStream(ctx, &kind.Desc, "/test.Raw/Call")
				if err != nil {
					t.Fatal(err)
				}
				send := func() {
					for _, body := range sent {
						if err := stream.SendMsg(grpctest.Ask(body)); err != nil {
							t.Errorf("SendMsg: %v", err)
						}
					}
					_ = stream.CloseSend()
				}
				if beside || echo {
					go send()
				} else {
					send()
				}
				if header && !early { // one that was shown ends the retries
					_, _ = stream.Header()
				}
				want := []string{strings.Join(sent, " ")}
				if echo {
					want = sent
				}
				for i, want := range want {
					if body, err := grpctest.Receive(stream); err != nil || body != want {
						t.Fatalf("message %d: got %.30q, %v, want %.30q", i, body, err, want)
					}
				}
				grpctest.WantEOF(t, stream)
				if attempts != failures+1 {
					t.Errorf("%d attempts, want %d", attempts, failures+1)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}
