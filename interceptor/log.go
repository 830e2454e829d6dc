package interceptor

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/loglimit"
	"github.com/reinvoke/reinvoke/internal/foreign"
	"github.com/reinvoke/reinvoke/policy"
)

// logs is where log lines go.
type logs struct {
	to       []logging.Logger
	messages bool // with the server's messages, redacted, printable and bounded
	limit    loglimit.Limit
}

// may reports whether a line may be logged.
func (l *logs) may(level logging.Level, about loglimit.Subject, class codes.Class) bool {
	return len(l.to) > 0 && l.limit.Allow(level, about, class)
}

// mayLog reports whether a line of the call may be logged.
func (c *call) mayLog(level logging.Level, about loglimit.Subject) bool {
	return c.r.logs.may(level, about, c.failure.Class)
}

// summarize logs what was left out.
func (l *logs) summarize(left loglimit.LeftOut) {
	l.logOfNone(left.Level, "[RETRY] "+left.String(), logging.SystemTag[0], logging.SystemTag[1],
		logging.ComponentFieldKey, logging.KindClientFieldValue, "retry.left_out", left.All,
		"retry.left_out.retries", left.Of(loglimit.Retry), "retry.left_out.given_up", left.Of(loglimit.GivingUp))
}

// logOfNone writes a line that is of no call. A panic of a logger is dropped: it would be
// that of a timer, and end the process, or of a call that is not concerned.
func (l *logs) logOfNone(level logging.Level, msg string, fields ...any) {
	for _, to := range l.to {
		func() {
			defer func() { _ = recover() }()
			to.Log(context.Background(), level, msg, fields...)
		}()
	}
}

// slogger makes a slog.Logger a logging.Logger.
func slogger(l *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(ctx context.Context, level logging.Level, msg string, fields ...any) {
		l.Log(ctx, slog.Level(level), msg, fields...)
	})
}

// logRetry tells that the attempt failed and another one follows.
func (c *call) logRetry() {
	if !c.mayLog(logging.LevelWarn, loglimit.Retry) {
		return
	}
	msg := fmt.Sprintf("[RETRY] %v: attempt %d of %s failed, next in %v", c.failure.Class, c.attempts(), foreign.Text(c.method), rounded(c.nextIn()))
	if c.state.AtGate {
		msg += ", when the gate opens"
	}
	if c.failure.Reach == codes.Unsent && c.needsConnection() {
		msg += fmt.Sprintf(", or once connected, up to %v later", rounded(max(c.decision.Wait, redial)))
	}
	c.log(logging.LevelWarn, msg+c.localText())
}

// rounded returns a duration with three figures.
func rounded(d time.Duration) time.Duration {
	step := time.Duration(1)
	for d/step >= 1000 {
		step *= 10
	}
	return d.Round(step)
}

// localText returns what this machine itself says of a connection that it could not make,
// as the end of a line; else nothing. No server has a word in it.
func (c *call) localText() string {
	noStream := codes.Evidence{Watched: true}
	if c.failure.Reach != codes.Unsent || c.r.logs.messages || !codes.IsLocal(c.err, noStream) { // messages have it as a field
		return ""
	}
	st, _ := codes.StatusOf(c.err)
	return ": " + shown(st.Message())
}

// nextIn returns how long the call will wait for its next attempt.
func (c *call) nextIn() time.Duration {
	if c.state.AtGate && c.decision.Retry {
		return c.opens
	}
	return c.decision.Wait
}

// logGaveUp tells that the call failed for good. A failure that is never
// retried is the caller's to report; it is logged for debugging only.
func (c *call) logGaveUp() {
	if len(c.r.logs.to) == 0 {
		return
	}
	level, subject := logging.LevelError, loglimit.GivingUp
	what := "gave up"
	switch c.decision.Why {
	case policy.CallerEnded: // no one else's fault
		level, what, subject = logging.LevelInfo, "ended by the caller", loglimit.Nothing
		if c.attempts() <= 1 && c.waited == 0 {
			level, what = logging.LevelDebug, "not retried"
		}
	case policy.NeverRetried, policy.Disabled, policy.RetriedBelow, policy.Committed:
		if c.attempts() <= 1 && c.advice() == "" {
			level, what, subject = logging.LevelDebug, "not retried", loglimit.Nothing
		}
	default:
	}
	if !c.mayLog(level, subject) {
		return
	}
	msg := fmt.Sprintf("[RETRY] %v: %s after attempt %d of %s (%v)", c.failure.Class, what, c.attempts(), foreign.Text(c.method), c.decision.Why)
	if c.barred {
		msg = fmt.Sprintf("[RETRY] %v: the gate turned %s away, and it was not sent (%v)", c.failure.Class, foreign.Text(c.method), c.decision.Why)
	}
	if advice := c.advice(); advice != "" {
		msg += ": " + advice
	} else if c.brokeMidway() && c.r.resumable.CompareAndSwap(false, true) {
		msg += ": interceptor.WithResume can go on from what has arrived"
	}
	c.log(level, msg+c.localText())
}

// brokeMidway reports whether the call is a stream that could have been resumed.
func (c *call) brokeMidway() bool {
	return c.decision.Why == policy.Committed && c.kind == serverStream && c.shown && c.knobs.resume == nil
}

// logRecovered tells that a retry succeeded, if one did.
func (c *call) logRecovered() {
	if c.attempts() <= 1 || c.shown || !c.mayLog(logging.LevelInfo, loglimit.Recovery) {
		return
	}
	c.log(logging.LevelInfo, fmt.Sprintf("[RETRY] recovered: attempt %d of %s succeeded", c.attempts(), foreign.Text(c.method)))
}

// logFallback tells that the call is answered in another way.
func (c *call) logFallback(how string) {
	if !c.mayLog(logging.LevelWarn, loglimit.Fallback) {
		return
	}
	c.log(logging.LevelWarn, fmt.Sprintf("[RETRY] %v: fallback after attempt %d of %s (%v): %s", c.failure.Class, c.attempts(), foreign.Text(c.method), c.decision.Why, how))
}

// logLayers warns of a second layer of retries.
func (c *call) logLayers() {
	c.log(logging.LevelWarn, fmt.Sprintf("[RETRY] the service config of this connection retries %s too, and the attempts of two layers "+
		"multiply: add grpc.WithDisableRetry(), or use interceptor.DialOptions", foreign.Text(c.method)))
}

// log writes a line with the fields of the last failure, after those that
// the context carries.
func (c *call) log(level logging.Level, msg string) {
	full := foreign.Text(c.method) // a proxy has it from its clients
	service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	fields := logging.Fields{
		logging.SystemTag[0], logging.SystemTag[1], logging.ComponentFieldKey, logging.KindClientFieldValue,
		logging.ServiceFieldKey, service, logging.MethodFieldKey, method,
	}
	if c.kind == function {
		fields = logging.Fields{logging.MethodFieldKey, full}
	}
	switch {
	case c.failure.Class == codes.None: // nothing has failed yet
		fields = append(fields, "retry.attempt", c.attempts())
	case c.err == nil: // it has recovered
		fields = append(
			fields, "grpc.code", grpccodes.OK.String(), "retry.class", c.failure.Class.String(), "retry.rule", c.failure.Rule,
			"retry.attempt", c.attempts(), "retry.elapsed", c.state.Elapsed,
		)
	default:
		reach := c.failure.Reach
		if c.barred { // the failure is that of another call
			reach = codes.Unsent
		}
		fields = append(
			fields,
			"grpc.code", c.failure.Code.String(),
			"retry.class", c.failure.Class.String(),
			"retry.rule", c.failure.Rule,
			"retry.why", c.decision.Why.String(),
			"retry.attempt", c.attempts(),
			"retry.wait", c.nextIn(),
			"retry.elapsed", c.state.Elapsed,
			"retry.reach", reach.String(),
		)
	}
	if c.failure.Reason != "" {
		fields = append(fields, "retry.reason", name(c.failure.Reason), "retry.domain", name(c.failure.Domain))
	}
	if c.failure.QuotaID != "" {
		fields = append(fields, "retry.quota", name(c.failure.QuotaID))
	}
	if c.r.logs.messages && c.err != nil {
		st, _ := codes.StatusOf(c.err)
		fields = append(fields, "retry.message", shown(st.Message()))
	}
	fields = logging.ExtractFields(c.ctx).AppendUnique(fields)
	for _, l := range c.r.logs.to {
		l.Log(c.ctx, level, msg, fields...)
	}
}

// secrets are the shapes of keys and tokens that messages of servers were
// seen to quote: Google API keys, OAuth access tokens, JSON Web Tokens, and
// whatever follows a word that announces one.
var secrets = regexp.MustCompile(
	`AIza[0-9A-Za-z_-]{10,}|ya29\.[0-9A-Za-z._-]+|eyJ[0-9A-Za-z_-]+\.[0-9A-Za-z._-]+|` +
		`(?i:bearer\s+|(?:api[_-]?key|key|token|secret|password|authorization)["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?)[^\s"'&,;]+`)

// names are the shapes of what the server calls by a name: reasons, domains, quotas.
var names = regexp.MustCompile(`^[0-9A-Za-z_./:-]{0,200}$`)

// name returns a name of the server's, or what stands for a text that is none: it
// could quote the request.
func name(text string) string {
	if !names.MatchString(text) {
		return "[redacted]"
	}
	return redact(text)
}

// mostSearched is how many bytes of a text are searched for secrets. Nothing behind
// them is logged. Judgement: it is several times what is shown, and 4 MB take a second.
const mostSearched = 8 << 10

// shortened is the longest beginning of a secret that secrets does not match and that is
// worth hiding: that of an API key.
const shortened = len("AIza") + 9

// shown returns a text of others, such as a message of the server's, as a log may have
// it: without secrets, printable and bounded.
func shown(text string) string {
	if len(text) <= mostSearched {
		return foreign.Text(redact(text))
	}
	head := redact(text[:mostSearched])
	head = head[:max(len(head)-shortened, 0)] // it may have been cut within a secret
	return foreign.Head(head, len(text)-mostSearched+shortened)
}

// redact removes what looks like a secret from a message.
func redact(message string) string { return secrets.ReplaceAllString(message, "[redacted]") }
