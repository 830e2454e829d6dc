package worlds_test

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/reinvoke/reinvoke/interceptor"
)

// options are those of this package for the call.
func (r *lifeRecord) options(l *lifeRun) []interceptor.CallOption {
	var opts []interceptor.CallOption
	add := func(set bool, o interceptor.CallOption) {
		if set {
			opts = append(opts, o)
		}
	}
	add(r.Repeatable, interceptor.Repeatable())
	add(r.Priority > 0, interceptor.WithPriority(r.Priority))
	add(r.Retries > 0, interceptor.MaxRetries(max(r.Retries-1, 0)))
	add(r.Fallback != nil, interceptor.WithFallback(l.fallback(r)))
	add(r.Accept != nil && r.Kind != doLife, interceptor.WithAccept(l.accept(r)))
	add(r.Resume != nil && r.Kind == serverLife, interceptor.WithResume(l.resume(r)))
	add(r.Targets != nil && r.Kind != doLife, interceptor.WithTargets(l.targets(r)...))
	add(r.Timeout > 0 && r.Kind != doLife, interceptor.WithAttemptTimeout(r.Timeout))
	add(r.Replay > 0 && r.streams(), interceptor.WithReplayBuffer(r.Replay))
	if r.Kind == unaryLife && r.Repeatable && !r.Raw && r.Hedge.Attempts > 1 {
		opts = append(opts, interceptor.WithHedge(r.Hedge.Delay, r.Hedge.Attempts))
	}
	return opts
}

// grpcOptions are all options for the call.
func (r *lifeRecord) grpcOptions(l *lifeRun) []grpc.CallOption {
	var opts []grpc.CallOption
	for _, o := range r.options(l) {
		opts = append(opts, o)
	}
	if r.Raw {
		opts = append(opts, grpc.ForceCodec(lifeBytes{}))
	}
	if r.Vars {
		opts = append(opts, grpc.Header(new(metadata.MD)), grpc.Trailer(new(metadata.MD)), grpc.Peer(new(peer.Peer)))
	}
	if r.Wait {
		opts = append(opts, grpc.WaitForReady(true))
	}
	if r.Finish {
		opts = append(opts, grpc.OnFinish(func(err error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.finished = append(r.finished, err)
		}))
	}
	return opts
}
