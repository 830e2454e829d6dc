package explain

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/policy/gate"
)

type (
	// line is an explanation for programs. Times are in seconds.
	line struct {
		Type    string      `json:"type"`
		Code    string      `json:"code"`
		Message string      `json:"message"`
		Class   codes.Class `json:"class"`
		Rule    string      `json:"rule"`
		Source  string      `json:"source"` // of the rule
		Reach   string      `json:"reach"`
		Assumed string      `json:"assumed"` // how the reach is known
		Unread  []string    `json:"unread,omitempty"`
		Reason  string      `json:"reason,omitempty"`
		Domain  string      `json:"domain,omitempty"`
		Quota   string      `json:"quota,omitempty"`
		Delay   float64     `json:"delay,omitempty"`
		Asked   bool        `json:"asked,omitempty"` // the server asks for the delay

		Method     string      `json:"method,omitempty"`
		Repeatable bool        `json:"repeatable"`
		Because    string      `json:"because"`
		Row        rowLine     `json:"row"`
		Retries    []retryLine `json:"retries"`
		End        *endLine    `json:"end,omitempty"`  // none if there are more retries than listed
		Gate       *gateLine   `json:"gate,omitempty"` // none if the gate has nothing to do with the failure
	}
	rowLine struct {
		Retries    int     `json:"retries"`
		Base       float64 `json:"base"`
		Max        float64 `json:"max"`
		Multiplier float64 `json:"multiplier"`
		Jitter     string  `json:"jitter"`
	}
	retryLine struct {
		After [2]float64 `json:"after"` // the least and the most
		Why   string     `json:"why"`
	}
	endLine struct {
		Why string `json:"why"`
	}
	gateLine struct {
		Opens    [2]float64 `json:"opens,omitzero"`     // when, if no scout opens the gate before
		Scout    [2]float64 `json:"scout,omitzero"`     // when a first call goes through
		Refused  float64    `json:"refused,omitempty"`  // calls with at most so much time left are not sent
		Failures int        `json:"failures,omitempty"` // so many in a row close the gate
	}
)

// JSON returns the explanation as an object in one line, without a newline.
func (x *Explanation) JSON() string {
	const most = 1000 // retries
	f := &x.failure
	row := x.state.Table[f.Class]
	l := line{
		Type: "explanation", Code: terminal.NameOf(f.Code), Message: x.status.Message(), Class: f.Class, Rule: f.Rule, Source: codes.SourceOf(f.Rule),
		Reach: f.Reach.String(), Assumed: x.assumed, Unread: x.unread, Reason: f.Reason, Domain: f.Domain, Quota: f.QuotaID,
		Delay: f.Delay.Seconds(), Asked: f.Asked && f.Delay > 0,
		Method: x.method, Repeatable: x.repeatable, Because: x.because,
		Row:     rowLine{row.Retries, row.Base.Seconds(), row.Max.Seconds(), row.Multiplier, row.Jitter.String()},
		Retries: []retryLine{}, Gate: x.gateLine(),
	}
	for _, at := range x.steps(most) {
		if !at.first.Retry {
			l.End = &endLine{at.first.Why.String()}
			break
		}
		l.Retries = append(l.Retries, retryLine{bounds(at.first.Wait, at.last.Wait), at.first.Why.String()})
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(l) // a plain struct has a JSON form
	return string(bytes.TrimSpace(terminal.Printable(b.Bytes())))
}

// bounds are two durations in seconds, rounded as in the text.
func bounds(least, most time.Duration) [2]float64 {
	return [2]float64{least.Round(time.Millisecond).Seconds(), max(least, most).Round(time.Millisecond).Seconds()}
}

// gateLine returns the gate's reaction to the failure, or nil for none.
func (x *Explanation) gateLine() *gateLine {
	c, f := x.gateConfig.Effective(), x.failure
	switch {
	case !gate.Concerns(&c, f):
		return nil
	case f.Class != codes.Quota:
		return &gateLine{Failures: c.Failures}
	}
	at := closingOf(c, f)
	l := &gateLine{Scout: bounds(at.scout.first, at.scout.last)}
	if c.Hints && f.Delay > 0 {
		l.Opens, l.Refused = bounds(at.opens.first, at.opens.last), at.alone.Seconds()
	}
	return l
}
