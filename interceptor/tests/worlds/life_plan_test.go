package worlds_test

import (
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/policy"
)

// lifeWorld is a connection and the calls made on it: choices only, so that a world
// shrinks by deletion. The zero value of every field means a healthy server, a plain
// caller or an option that is not set.
type lifeWorld struct {
	Seed     uint64
	Quick    bool       // backoffs of a tenth of a second instead of the default table
	Tokens   lifeTokens // of the budget
	Blind    bool       // no observer
	Loud     bool       // a logger
	Yields   bool       // hooks let other goroutines run
	LogLimit int        // lines in a second; 0 for no limit

	Gate    lifeGate
	Breaker bool
	Refuses []int // which questions the breaker answers with no, counted from 0
	Timeout time.Duration
	Hedge   lifeHedge
	Replay  int // WithReplayBuffer; 0 for the default
	// Refresh is what the runs of WithRefresh's function do, one after the other, and
	// well from then on; no option if it is nil.
	Refresh []lifeAct
	Reloads []lifeReload
	Limits  []policy.Quota // that are known in advance
	Told    bool           // the caller says what calls take

	Observer, Logger []lifeTrouble

	Cuts    []time.Duration // when all connections are cut
	Refused []lifeWindow    // when the server cannot be reached
	Age     time.Duration   // of connections, until the server drains them

	Calls []lifeCall
}

// lifeCall is a call, what the caller does, and what becomes of its attempts.
type lifeCall struct {
	Kind             lifeKind
	Begin            time.Duration // after the world did
	Deadline, Cancel time.Duration // after Begin; 0 for none
	Repeatable       bool
	Priority         policy.Priority
	Retries          int // one more than MaxRetries; 0 for no option

	Accept   []lifeAct // of the replies in turn; no option if it is nil
	Fallback []lifeAct // likewise
	Resume   []lifeAct
	Targets  []lifeTarget
	Timeout  time.Duration
	Hedge    lifeHedge
	Replay   int

	Raw      bool // ForceCodec, with bytes for messages
	Prepared bool // messages are of PreparedMsg
	Finish   bool // OnFinish
	Vars     bool // Header, Trailer and Peer
	Wait     bool // WaitForReady
	Size     int  // of the request of a unary call

	// Ops are what the caller of a stream does before it reads the stream to its end.
	// With Beside they only send, and Beside receives on another goroutine.
	Ops, Beside []lifeOp
	Abandon     bool // the stream is not read to its end

	Steps   []lifeStep  // what the server does, an attempt each; then all is well
	Right   []lifeRight // likewise what an interceptor on the right does
	Changes bool        // an interceptor on the right changes all messages
}

// lifeTarget is another place for a call.
type lifeTarget struct {
	Adapt lifeAct
	Conn  bool // behind a connection of its own, in name
}

// lifeStep is what the server does with an attempt.
type lifeStep struct {
	Delay    time.Duration // before anything else
	Header   bool          // it is sent ahead
	Early    bool          // it replies and ends without reading
	Replies  int           // of a server stream or a bidirectional one
	Gap      time.Duration // before each reply
	Hang     bool          // until the context ends
	Cut      bool          // all connections are cut
	Code     grpccodes.Code
	Hint     time.Duration // RetryInfo
	Quota    bool          // QuotaFailure
	Pushback string        // grpc-retry-pushback-ms
}

// lifeRight is what the interceptor on the right does, and where.
type lifeRight struct {
	Act lifeAct
	At  lifePlace
}

// lifeOp is a method of a stream that is called after a pause.
type lifeOp struct {
	Do    lifeMethod
	After time.Duration
	Size  int // of a message
}

// lifeTrouble is what a hook does when it is called for the nth time, counted from 0.
type lifeTrouble struct {
	N   int
	Act lifeAct
}

// lifeReload is another configuration, in force from a time on.
type lifeReload struct {
	At      time.Duration
	Quick   bool
	Limits  []policy.Quota
	Gate    lifeGate
	Hedge   lifeHedge
	Timeout time.Duration // of the calls
}

type lifeHedge struct {
	Delay    time.Duration
	Attempts int
}

type lifeWindow struct{ From, To time.Duration }

type (
	lifeKind   string
	lifeTokens string
	lifeGate   string
	lifeAct    string
	lifePlace  string
	lifeMethod string
)

// The zero value of each is the harmless one.
const (
	unaryLife  lifeKind = ""
	serverLife lifeKind = "server stream"
	clientLife lifeKind = "client stream"
	bidiLife   lifeKind = "bidi stream"
	doLife     lifeKind = "Do"

	ampleTokens lifeTokens = "" // 500 of 1,000, and 1 for a success
	fewTokens   lifeTokens = "2 tokens"
	noTokens    lifeTokens = "0 tokens"

	noGate    lifeGate = ""
	hintsGate lifeGate = "hints"
	fleetGate lifeGate = "fleet"
	dryGate   lifeGate = "dry run"

	fine   lifeAct = ""
	fails  lifeAct = "fails"
	panics lifeAct = "panics"
	exits  lifeAct = "exits" // runtime.Goexit
	blocks lifeAct = "blocks"
	fills  lifeAct = "fills the reply"
	wrong  lifeAct = "wrong type"

	atOpen lifePlace = ""
	atSend lifePlace = "send"
	atRecv lifePlace = "recv" // of a unary call: after it

	opRecv      lifeMethod = "Recv"
	opSend      lifeMethod = "Send"
	opCloseSend lifeMethod = "CloseSend"
	opHeader    lifeMethod = "Header"
	opContext   lifeMethod = ""
	opTrailer   lifeMethod = "Trailer" // once the stream has ended; before, grpc forbids it
)

// lifeMaxSend is MaxCallSendMsgSize.
const lifeMaxSend = 8 << 10

// step returns what the server does with attempt n, counted from 0.
func (c *lifeCall) step(n int) lifeStep {
	if n < len(c.Steps) {
		return c.Steps[n]
	}
	return lifeStep{Replies: 2}
}

// right returns what the interceptor on the right does with attempt n.
func (c *lifeCall) right(n int) lifeRight {
	if n < len(c.Right) {
		return c.Right[n]
	}
	return lifeRight{}
}

// actOf returns act n of a hook: fine past the last.
func actOf(acts []lifeAct, n int) lifeAct {
	if n < len(acts) {
		return acts[n]
	}
	return fine
}

// streams reports whether the call is a stream.
func (c *lifeCall) streams() bool { return c.Kind != unaryLife && c.Kind != doLife }

// single reports whether the call has one reply.
func (c *lifeCall) single() bool { return c.Kind == unaryLife || c.Kind == clientLife }

// lifeFeatures are what -world.off can switch off.
var lifeFeatures = map[string]func(*lifeWorld){
	"gate":    func(w *lifeWorld) { w.Gate = noGate; each(w.Reloads, func(r *lifeReload) { r.Gate = noGate }) },
	"breaker": func(w *lifeWorld) { w.Breaker, w.Refuses = false, nil },
	"refusal": func(w *lifeWorld) { w.Refuses = nil },
	"hedge": func(w *lifeWorld) {
		w.Hedge = lifeHedge{}
		each(w.Reloads, func(r *lifeReload) { r.Hedge = lifeHedge{} })
		each(w.Calls, func(c *lifeCall) { c.Hedge = lifeHedge{} })
	},
	"timeout": func(w *lifeWorld) {
		w.Timeout = 0
		each(w.Calls, func(c *lifeCall) { c.Timeout = 0 })
	},
	"replay": func(w *lifeWorld) {
		w.Replay = 0
		each(w.Calls, func(c *lifeCall) { c.Replay = 0 })
	},
	"refresh": func(w *lifeWorld) { w.Refresh = nil },
	"live":    func(w *lifeWorld) { w.Reloads = nil },
	"limits": func(w *lifeWorld) {
		w.Limits, w.Told = nil, false
		each(w.Reloads, func(r *lifeReload) { r.Limits = nil })
	},
	"blind":    func(w *lifeWorld) { w.Blind = false },
	"observer": func(w *lifeWorld) { w.Observer = nil },
	"logger":   func(w *lifeWorld) { w.Logger = nil },
	"cut": func(w *lifeWorld) {
		w.Cuts, w.Refused, w.Age = nil, nil, 0
		each(w.Calls, func(c *lifeCall) { each(c.Steps, func(s *lifeStep) { s.Cut = false }) })
	},
	"accept":   func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Accept = nil }) },
	"fallback": func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Fallback = nil }) },
	"targets":  func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Targets = nil }) },
	"resume":   func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Resume = nil }) },
	"priority": func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Priority = 0 }) },
	"raw":      func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Raw = false }) },
	"prepared": func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Prepared = false }) },
	"finish":   func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Finish = false }) },
	"vars":     func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Vars = false }) },
	"right":    func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Right = nil }) },
	"changes":  func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Changes = false }) },
	"abandon":  func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Abandon = false }) },
	"cancel":   func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Cancel, c.Deadline = 0, 0 }) },
	"beside":   func(w *lifeWorld) { each(w.Calls, func(c *lifeCall) { c.Beside = nil }) },
	"large": func(w *lifeWorld) {
		each(w.Calls, func(c *lifeCall) {
			c.Size = min(c.Size, lifeMaxSend/2)
			each(c.Ops, func(o *lifeOp) { o.Size = min(o.Size, lifeMaxSend/2) })
		})
	},
	"panic": func(w *lifeWorld) { w.calm(panics) },
	"exit":  func(w *lifeWorld) { w.calm(exits) },
	"block": func(w *lifeWorld) { w.calm(blocks) },
	"unary": func(w *lifeWorld) { w.without(unaryLife) },
	"do":    func(w *lifeWorld) { w.without(doLife) },
	"stream": func(w *lifeWorld) {
		w.without(serverLife)
		w.without(clientLife)
		w.without(bidiLife)
	},
}
