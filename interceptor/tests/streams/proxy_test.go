package streams_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	testpb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// proxy passes the bytes of TCP connections on to a real server, and resets
// some of them.
type proxy struct {
	listener net.Listener
	backend  string
	stop     func()
	wg       sync.WaitGroup

	mu   sync.Mutex
	plan []int // after how many bytes of the server to reset, for each connection
	done int   // resets so far
	open map[net.Conn]bool
}

// newProxy serves s on loopback TCP, behind a proxy.
func newProxy(t *testing.T, s *grpctest.Server) *proxy {
	t.Helper()
	listen := func() net.Listener {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	backend, front := listen(), listen()
	srv := grpc.NewServer()
	testpb.RegisterTestServiceServer(srv, s)
	p := &proxy{listener: front, backend: backend.Addr().String(), open: make(map[net.Conn]bool)}
	p.wg.Go(func() { _ = srv.Serve(backend) })
	p.wg.Go(p.accept)
	p.stop = sync.OnceFunc(func() {
		_ = front.Close()
		srv.Stop()
		p.mu.Lock()
		for c := range p.open {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	t.Cleanup(p.stop)
	return p
}

func (p *proxy) close() { p.stop() }

// cutAfter resets one of the next connections, after so many bytes of the
// server.
func (p *proxy) cutAfter(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan = append(p.plan, bytes)
}

// cuts returns how many connections were reset.
func (p *proxy) cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// connect returns a connection through the proxy that reconnects at once.
func (p *proxy) connect(t *testing.T, opts ...interceptor.Option) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+p.listener.Addr().String(), append(interceptor.DialOptions(opts...),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: time.Millisecond, Multiplier: 1, MaxDelay: time.Millisecond},
			MinConnectTimeout: time.Minute, // without it a connection has as long as the backoff to come about
		}),
	)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.backend) //nolint:noctx // on loopback
		if err != nil {
			_ = client.Close()
			return
		}
		p.mu.Lock()
		p.open[client], p.open[server] = true, true
		limit := -1
		if len(p.plan) > 0 {
			limit, p.plan = p.plan[0], p.plan[1:]
		}
		p.mu.Unlock()
		p.wg.Go(func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		})
		p.wg.Go(func() { p.back(client, server, limit) })
	}
}

// back passes on what the server sends, up to the limit.
func (p *proxy) back(client, server net.Conn, limit int) {
	defer func() { _, _ = client.Close(), server.Close() }()
	if limit < 0 {
		_, _ = io.Copy(client, server)
		return
	}
	_, _ = io.CopyN(client, server, int64(limit))
	if c, ok := client.(*net.TCPConn); ok {
		_ = c.SetLinger(0) // so that Close resets
	}
	p.mu.Lock()
	p.done++
	p.mu.Unlock()
}
