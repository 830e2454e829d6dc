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

// logs holds the loggers of a Retrier.
type logs struct {
	to       []logging.Logger
	messages bool // log the server's messages, redacted, printable and bounded
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

// summarize logs the counts of the lines left out.
func (l *logs) summarize(left loglimit.LeftOut) {
	l.logOfNone(left.Level, "[RETRY] "+left.String(), logging.SystemTag[0], logging.SystemTag[1],
		logging.ComponentFieldKey, logging.KindClientFieldValue, "retry.left_out", left.All,
		"retry.left_out.retries", left.Of(loglimit.Retry), "retry.left_out.given_up", left.Of(loglimit.GivingUp))
}

// logOfNone writes a line of no call. A panic of a logger is dropped: on a timer the
// panic would end the process, elsewhere an unrelated call.
func (l *logs) logOfNone(level logging.Level, msg string, fields ...any) {
	for _, to := range l.to {
		func() {
			defer func() { _ = recover() }()
			to.Log(context.Background(), level, msg, fields...)
		}()
	}
}

// slogger adapts a slog.Logger to logging.Logger.
func slogger(l *slog.Logger) logging.Logger {
	return logging.LoggerFunc(func(ctx context.Context, level logging.Level, msg string, fields ...any) {
		l.Log(ctx, slog.Level(level), msg, fields...)
	})
}

// logRetry logs a failed attempt before its retry.
func (c *call) logRetry() {
	if !c.mayLog(logging.LevelWarn, loglimit.Retry) {
		return
	}
	msg := fmt.Sprintf("[RETRY] %v: attempt %d of %s failed, next %s", c.failure.Class, c.attempts(), foreign.Text(c.method), in(c.nextIn()))
	msg += c.nextPlace()
	if c.state.AtGate {
		msg += ", when the gate opens"
	}
	if c.failure.Reach == codes.Unsent && c.needsConnection() {
		msg += fmt.Sprintf(", or once connected, up to %v later", rounded(max(c.decision.Wait, redial)))
	}
	c.log(logging.LevelWarn, msg+c.localText())
}

// in returns when something is next.
func in(wait time.Duration) string {
	if wait <= 0 {
		return "at once"
	}
	return "in " + rounded(wait).String()
}

// rounded rounds a duration to three digits.
func rounded(d time.Duration) time.Duration {
	step := time.Duration(1)
	for d/step >= 1000 {
		step *= 10
	}
	return d.Round(step)
}

// localText returns, for the end of a log line, the local reason why no connection
// could be made, or an empty string. The text holds no word of a server.
func (c *call) localText() string {
	noStream := codes.Evidence{Watched: true}
	if c.failure.Reach != codes.Unsent || c.r.logs.messages || !codes.IsLocal(c.err, noStream) { // WithMessages logs the text as a field
		return ""
	}
	st, _ := codes.StatusOf(c.err)
	return ": " + shown(st.Message())
}

// nextIn returns the wait before the next attempt.
func (c *call) nextIn() time.Duration {
	if c.state.AtGate && c.decision.Retry {
		return c.opens
	}
	return c.decision.Wait
}

// nextPlace returns, for the end of a log line, the target of the next attempt, if the call
// goes to another.
func (c *call) nextPlace() string {
	rt := c.route
	switch {
	case rt == nil || rt.next < 0 || rt.next == rt.at:
		return ""
	case rt.next == 0:
		return " as it was first"
	}
	return " at " + foreign.Text(rt.stops[rt.next].Name)
}

// logGaveUp logs that the call failed for good. Reporting a failure that is never
// retried is up to the caller, so such a failure is logged at debug level only.
func (c *call) logGaveUp() {
	if len(c.r.logs.to) == 0 {
		return
	}
	level, subject := logging.LevelError, loglimit.GivingUp
	what := "gave up"
	switch c.decision.Why {
	case policy.CallerEnded: // not the server's fault
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
		msg += ": " + resumeAdvice
	}
	c.log(level, msg+c.localText())
}

// brokeMidway reports whether the call is a stream that WithResume could have
// continued.
func (c *call) brokeMidway() bool {
	return c.decision.Why == policy.Committed && c.kind == serverStream && c.shown && c.knobs.resume == nil
}

// resumeAdvice is the advice for a broken stream without WithResume.
const resumeAdvice = "interceptor.WithResume can go on from what has arrived"

// logRecovered logs the success of a retry, if there was a retry.
func (c *call) logRecovered() {
	if c.attempts() <= 1 || c.shown || !c.mayLog(logging.LevelInfo, loglimit.Recovery) {
		return
	}
	msg := fmt.Sprintf("[RETRY] recovered: attempt %d of %s succeeded", c.attempts(), foreign.Text(c.method))
	if c.name != "" {
		msg += " at " + foreign.Text(c.name)
	}
	c.log(logging.LevelInfo, msg)
}

// logFallback logs that a fallback answers the call.
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

// logRemedy warns, once, of credentials that no retry renews.
func (c *call) logRemedy() {
	refused := c.failure.Class == codes.Auth || c.failure.Class == codes.Expired
	if c.info.Remedy == "" || !refused || len(c.r.logs.to) == 0 || !c.r.warnedOfRemedy.CompareAndSwap(false, true) {
		return
	}
	c.log(logging.LevelWarn, "[RETRY] "+c.info.Remedy)
}

// logResume warns of WithResume without effect.
func (c *call) logResume() {
	c.log(logging.LevelWarn, fmt.Sprintf("[RETRY] interceptor.WithResume does nothing for %s, which is a bidirectional stream: "+
		"it is for server streams", foreign.Text(c.method)))
}

// log writes a line with the fields of the context, followed by those of the last
// failure.
func (c *call) log(level logging.Level, msg string) {
	full := foreign.Text(c.method) // a proxy gets the name from its clients
	service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
	fields := logging.Fields{
		logging.SystemTag[0], logging.SystemTag[1], logging.ComponentFieldKey, logging.KindClientFieldValue,
		logging.ServiceFieldKey, service, logging.MethodFieldKey, method,
	}
	if c.kind == function && c.info == nil {
		fields = logging.Fields{logging.MethodFieldKey, full}
	}
	if c.name != "" {
		fields = append(fields, "retry.target", foreign.Text(c.name))
	}
	switch {
	case c.failure.Class == codes.None: // nothing has failed yet
		fields = append(fields, "retry.attempt", c.attempts())
	case c.err == nil: // recovered
		fields = append(
			fields, "grpc.code", grpccodes.OK.String(), "retry.class", c.failure.Class.String(), "retry.rule", c.failure.Rule,
			"retry.attempt", c.attempts(), "retry.elapsed", c.state.Elapsed,
		)
	default:
		reach := c.failure.Reach
		if c.barred { // the failure belongs to another call
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

// secrets matches keys and tokens quoted in messages of servers: Google API keys, OAuth
// access tokens, JSON Web Tokens, and the text after a word that announces a secret.
var secrets = regexp.MustCompile(
	`AIza[0-9A-Za-z_-]{10,}|ya29\.[0-9A-Za-z._-]+|eyJ[0-9A-Za-z_-]+\.[0-9A-Za-z._-]+|` +
		`(?i:bearer\s+|(?:api[_-]?key|key|token|secret|password|authorization)["']?\s*[:=]\s*["']?(?:(?:bearer|basic)\s+)?)[^\s"'&,;]+`)

// names matches the identifiers of a server: reasons, domains, quotas.
var names = regexp.MustCompile(`^[0-9A-Za-z_./:-]{0,200}$`)

// name returns an identifier of the server, or "[redacted]" for another text, which
// could quote the request.
func name(text string) string {
	if !names.MatchString(text) {
		return "[redacted]"
	}
	return redact(text)
}

// mostSearched is how many bytes of a text are searched for secrets. Nothing beyond is
// logged. Judgement: the figure is several times the logged length, and searching 4 MB
// takes a second.
const mostSearched = 8 << 10

// shortened is the length of the longest prefix of a secret that is worth hiding but
// too short to match secrets: a cut API key.
const shortened = len("AIza") + 9

// shown makes a foreign text, such as a message of the server, fit for a log: without
// secrets, printable and bounded.
func shown(text string) string {
	if len(text) <= mostSearched {
		return foreign.Text(redact(text))
	}
	head := redact(text[:mostSearched])
	head = head[:max(len(head)-shortened, 0)] // the cut may fall within a secret
	return foreign.Head(head, len(text)-mostSearched+shortened)
}

// redact replaces everything in a message that looks like a secret.
func redact(message string) string { return secrets.ReplaceAllString(message, "[redacted]") }
