package interceptor

import (
	"fmt"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/interceptor/internal/loglimit"
	"github.com/reinvoke/reinvoke/internal/foreign"
)

const (
	// worthTelling is the shortest wait in a report.
	worthTelling = time.Second
	// mostToTell bounds the lines on their way to the log. Further attempts are counted
	// only.
	mostToTell = 1000
)

// tell counts the attempt, and queues a line.
func (s *shade) tell() {
	if s.held < worthTelling && !s.away {
		return
	}
	s.g.wouldHold++
	if s.first.Class == codes.None {
		s.g.inVain++
	}
	if len(s.g.r.logs.to) > 0 && len(s.g.told) < mostToTell {
		now := *s
		s.g.told = append(s.g.told, notice{shade: &now})
	}
}

// announceShade logs an attempt.
func (g *gates) announceShade(s *shade) {
	level := logging.LevelDebug
	if s.first.Class == codes.None {
		level = logging.LevelInfo
	}
	logs := &g.r.logs
	if !logs.may(level, loglimit.Gate, s.first.Class) {
		return
	}
	full := foreign.Text(s.method)
	fields := logging.Fields{logging.MethodFieldKey, full}
	if s.kind != function {
		service, method, _ := strings.Cut(strings.TrimPrefix(full, "/"), "/")
		fields = logging.Fields{logging.ServiceFieldKey, service, logging.MethodFieldKey, method}
	}
	fields = append(fields, "retry.gate.key", g.loggedQuota(s.k.key), "retry.gate.target", foreign.Text(s.k.key.target),
		"retry.gate.dry_run", true, "retry.gate.held", s.held, "retry.gate.turned_away", s.away, "retry.class", s.first.Class.String())
	logs.logOfNone(level, "[RETRY] dry run: "+s.sentence(g.loggedKey(s.k.key)), fields...)
}

// sentence returns the line of the log.
func (s *shade) sentence(key string) string {
	then := "it succeeded"
	switch f := &s.first; f.Class {
	case codes.None:
	case codes.Quota:
		then = "it was refused"
	case codes.Ended:
		then = "its caller ended it"
	default:
		then = fmt.Sprintf("it failed (%v)", f.Class)
	}
	what := "this call"
	if s.number > 1 {
		what = fmt.Sprintf("attempt %d", s.number)
	}
	what += " of " + foreign.Text(s.method)
	switch {
	case s.away && s.left > 0:
		return fmt.Sprintf("the gate of %s would have turned %s away, %v before its turn; %s", key, what, rounded(s.left), then)
	case s.away:
		return fmt.Sprintf("the gate of %s would have held %s for %v and then turned it away; %s", key, what, rounded(s.held), then)
	}
	return fmt.Sprintf("the gate of %s would have held %s for %v; %s", key, what, rounded(s.held), then)
}
