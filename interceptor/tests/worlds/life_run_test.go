package worlds_test

import (
	"context"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// lifeProblem is something that did not hold.
type lifeProblem struct{ kind, text string }

// lifeRun is a world that is run.
type lifeRun struct {
	w       *lifeWorld
	records []*lifeRecord
	retrier *interceptor.Retrier
	conn    *grpc.ClientConn
	config  *policy.Live // nil for a world without reloads
	began   time.Time

	clock   lifeClock
	breaker lifeBreaker
	ledger  lifeLedger
	net     *lifeNet
	quiet   atomic.Bool // the troubles are over
	hooks   [4]atomic.Int64
	running atomic.Int64 // refreshes

	mu       sync.Mutex
	problems []lifeProblem
	bubble   string // its name in a stack trace
	tcp      bool   // there is no bubble, but a network
}

// Which hook a counter of lifeRun.hooks counts.
const (
	observerHook = iota
	loggerHook
	refreshHook
)

// problem notes that something does not hold. The kind is the same for all worlds in
// which it does not.
func (l *lifeRun) problem(kind, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, lifeProblem{kind, fmt.Sprintf(format, args...)})
}

// found returns what did not hold.
func (l *lifeRun) found() []lifeProblem {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.problems)
}

// runLife runs a world in a bubble of its own.
func runLife(t *testing.T, w *lifeWorld) *lifeRun {
	t.Helper()
	l := &lifeRun{w: w}
	for i := range w.Calls {
		l.records = append(l.records, newLifeRecord(i, &w.Calls[i]))
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if p := recover(); p != nil { // goroutines are left when the bubble ends, or block for ever
				l.problem("goroutines are left", "%v\n%s", p, l.left())
			}
		}()
		synctest.Test(t, func(t *testing.T) {
			l.nameBubble()
			l.live(t.Context())
		})
	}()
	select {
	case <-ended:
	case <-time.After(lifeStuck): // the bubble is left to itself
		l.problem(stuckProblem, "%s", l.left())
	}
	return l
}

// lifeStuck is how long a world may take, which takes milliseconds: past it a goroutine
// waits for a mutex for ever, so that the clock of the bubble does not move.
const lifeStuck = 20 * time.Second

const stuckProblem = "a goroutine waits for a mutex for ever"

// How long a world lasts, by its own clock.
const (
	lifeLasts = 20 * time.Minute // until the contexts of all calls are cancelled
	lifeRests = 3 * time.Minute  // from then on
)

// live makes the calls and looks at what they have left.
func (l *lifeRun) live(ctx context.Context) {
	l.began = time.Now()
	l.connect(time.Minute) //nolint:contextcheck // a network outlives all calls
	defer l.close()
	var wg sync.WaitGroup
	for _, rec := range l.records {
		rec.ctx, rec.cancel = context.WithCancel(context.WithValue(context.WithoutCancel(ctx), lifeKey{}, rec)) //nolint:fatcontext // each has its own
		wg.Go(func() {                                                                                          //nolint:contextcheck // a call has a context of its own
			time.Sleep(rec.Begin)
			rec.start = time.Now()
			l.call(rec)
		})
	}
	stop := l.happen()
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		l.rest(time.Minute) // for what was abandoned
	case <-time.After(l.lasts()):
	}
	stop()
	l.wait()
	l.checkContexts()
	for _, rec := range l.records {
		rec.cancel()
	}
	l.rest(lifeRests)
	if l.tcp {
		<-done // else the test runs into its timeout
	}
	l.wait()
	l.quiet.Store(true)
	for _, rec := range l.records {
		l.check(rec)
	}
	l.checkBreaker()
	l.checkBudget()
	l.checkGates()
	l.checkProbe() //nolint:contextcheck // the contexts of the calls are over
	l.checkLeft()
}

// lasts returns how long the world lasts.
func (l *lifeRun) lasts() time.Duration {
	if l.tcp {
		return lifeLasts / lifeScale / 20
	}
	return lifeLasts
}

// wait waits until nothing moves any more.
func (l *lifeRun) wait() {
	if !l.tcp {
		synctest.Wait()
	}
}

// rest lets time pass: over a network until nothing is left, or five seconds.
func (l *lifeRun) rest(d time.Duration) {
	if !l.tcp {
		time.Sleep(d)
		return
	}
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(5 * time.Millisecond) {
		if l.ledger.left() == 0 && l.clock.count(0) == 0 && l.breaker.kept() == 0 && l.unfinished() == 0 {
			return
		}
	}
}

// unfinished returns how many calls wait for their OnFinish. Of a call that is cancelled,
// grpc tells on a goroutine of its own.
func (l *lifeRun) unfinished() (n int) {
	for _, rec := range l.records {
		rec.mu.Lock()
		if rec.Finish && rec.Kind != doLife && rec.broken == "" && len(rec.finished) == 0 {
			n++
		}
		rec.mu.Unlock()
	}
	return n
}

// happen has happen to the connection what the world says.
func (l *lifeRun) happen() (stop func()) {
	var stops []func() bool
	at := func(d time.Duration, f func()) { stops = append(stops, time.AfterFunc(d, f).Stop) }
	for _, d := range l.w.Cuts {
		at(d, l.net.cut)
	}
	for _, r := range l.w.Reloads {
		at(r.At, func() { l.reload(r) })
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// connect sets up server, connection and Retrier.
func (l *lifeRun) connect(age time.Duration) {
	var opts []grpc.ServerOption
	if l.w.Age > 0 {
		opts = append(opts, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: l.w.Age, MaxConnectionAgeGrace: age}))
	}
	srv := grpc.NewServer(append(opts, grpc.UnknownServiceHandler(l.serve))...)
	l.net = newLifeNet(l.tcp)
	l.net.srv, l.net.began, l.net.refused = srv, l.began, l.w.Refused
	go func() { _ = srv.Serve(l.net) }()
	l.retrier = interceptor.New(l.options()...)
	conn, err := grpc.NewClient("passthrough:///life", append(l.retrier.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(l.net.dial), grpc.WithStatsHandler(&l.ledger),
		grpc.WithChainUnaryInterceptor(l.rightUnary), grpc.WithChainStreamInterceptor(l.rightStream),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(lifeMaxSend)))...)
	if err != nil {
		panic(err)
	}
	l.conn = conn
}

// close ends connection and server.
func (l *lifeRun) close() {
	_ = l.conn.Close()
	l.net.srv.Stop()
}

// ready waits until the connection is.
func (l *lifeRun) ready() {
	l.conn.Connect()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	for s := l.conn.GetState(); s != connectivity.Ready; s = l.conn.GetState() {
		if s == connectivity.Idle {
			l.conn.Connect()
		}
		if !l.conn.WaitForStateChange(ctx, s) {
			return
		}
	}
}

// inBubble finds the name of a bubble in a stack trace.
var inBubble = regexp.MustCompile(`synctest bubble \d+`)

// nameBubble notes the name of the bubble of this goroutine.
func (l *lifeRun) nameBubble() {
	buf := make([]byte, 256)
	name := string(inBubble.Find(buf[:runtime.Stack(buf, false)]))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bubble = name
}

// left returns the stacks of the goroutines that are left in the bubble.
func (l *lifeRun) left() string {
	l.mu.Lock()
	name := l.bubble
	l.mu.Unlock()
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var of []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		head, _, _ := strings.Cut(stack, "\n")
		if name != "" && strings.Contains(head, name+"]") {
			of = append(of, stack)
		}
	}
	return strings.Join(of, "\n\n")
}
