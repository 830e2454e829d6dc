package interceptor

import (
	"fmt"
	"strings"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/gates"
	"github.com/reinvoke/reinvoke/interceptor/internal/loglimit"
	"github.com/reinvoke/reinvoke/internal/foreign"
)

// logHeld logs an attempt reported by a dry run.
func (r *Retrier) logHeld(h gates.Held) {
	level := logging.LevelDebug
	if h.First.Class == codes.None {
		level = logging.LevelInfo
	}
	if !r.logs.may(level, loglimit.Gate, h.First.Class) {
		return
	}
	full := foreign.Text(h.Method)
	fields := logging.Fields{logging.MethodFieldKey, full}
	if !h.Function {
		service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
		fields = logging.Fields{logging.ServiceFieldKey, service, logging.MethodFieldKey, method}
	}
	fields = append(fields, "retry.gate.key", r.loggedQuota(h.Key), "retry.gate.target", foreign.Text(h.Key.Target),
		"retry.gate.dry_run", true, "retry.gate.held", h.For, "retry.gate.turned_away", h.Away, "retry.class", h.First.Class.String())
	r.logs.logOfNone(level, "[RETRY] dry run: "+heldSentence(&h, r.loggedKey(h.Key)), fields...)
}

// heldSentence returns the log message.
func heldSentence(h *gates.Held, key string) string {
	then := "it succeeded"
	switch f := &h.First; f.Class {
	case codes.None:
	case codes.Quota:
		then = "it was refused"
	case codes.Ended:
		then = "its caller ended it"
	default:
		then = fmt.Sprintf("it failed (%v)", f.Class)
	}
	what := "this call"
	if h.Number > 1 {
		what = fmt.Sprintf("attempt %d", h.Number)
	}
	what += " of " + foreign.Text(h.Method)
	switch {
	case h.Away && h.Left > 0:
		return fmt.Sprintf("the gate of %s would have turned %s away, %v before its turn; %s", key, what, rounded(h.Left), then)
	case h.Away:
		return fmt.Sprintf("the gate of %s would have held %s for %v and then turned it away; %s", key, what, rounded(h.For), then)
	}
	return fmt.Sprintf("the gate of %s would have held %s for %v; %s", key, what, rounded(h.For), then)
}
