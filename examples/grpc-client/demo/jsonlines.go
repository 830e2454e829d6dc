package demo

import (
	"encoding/json"
	"io"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// jsonLines is a reporter for programs: an object a line, each with a type.
// Times are in seconds.
type jsonLines struct {
	encoder *json.Encoder
	number  int
	scene   scene
}

func newJSONLines(w io.Writer) *jsonLines {
	encoder := json.NewEncoder(terminal.JSONWriter(w))
	encoder.SetEscapeHTML(false)
	return &jsonLines{encoder: encoder}
}

type (
	policyLine struct {
		Type  string      `json:"type"`
		About string      `json:"about"`
		Rows  []policyRow `json:"rows"`
	}
	policyRow struct {
		Class      codes.Class  `json:"class"`
		Retries    int          `json:"retries"`
		Base       float64      `json:"base"`
		Max        float64      `json:"max"`
		Multiplier float64      `json:"multiplier"`
		Jitter     string       `json:"jitter"`
		Waits      [][2]float64 `json:"waits"`
	}
	attemptLine struct {
		Type    string      `json:"type"`
		Call    int         `json:"call"`
		Title   string      `json:"title"`
		Method  string      `json:"method"`
		Attempt int         `json:"attempt"`
		Code    string      `json:"code"`
		Class   codes.Class `json:"class"`
		Rule    string      `json:"rule"`
		Reach   string      `json:"reach,omitempty"` // of a failure
		Retry   bool        `json:"retry"`
		Why     policy.Why  `json:"why"`
		Wait    float64     `json:"wait"`
		Took    float64     `json:"took"`
	}
	callLine struct {
		Type        string              `json:"type"`
		Call        int                 `json:"call"`
		Title       string              `json:"title"`
		Class       codes.Class         `json:"class"`
		Code        string              `json:"code"`
		Outcome     interceptor.Outcome `json:"outcome"`
		Why         policy.Why          `json:"why"`
		Attempts    int                 `json:"attempts"`
		Fallback    bool                `json:"fallback,omitempty"`
		Waited      float64             `json:"waited"`
		Took        float64             `json:"took"`
		Answer      string              `json:"answer,omitempty"`
		Error       string              `json:"error,omitempty"`
		Expected    bool                `json:"expected"`
		Differences []string            `json:"differences,omitempty"`
		Crowd       *crowdLine          `json:"crowd,omitempty"`
	}
	gateLine struct {
		Type    string  `json:"type"`
		Call    int     `json:"call"`
		Title   string  `json:"title"`
		State   string  `json:"state"`
		For     float64 `json:"for,omitempty"` // as the server has asked
		Waiting int     `json:"waiting"`
		Pace    float64 `json:"pace"` // calls a second
	}
	crowdLine struct {
		Calls           int `json:"calls"`
		Answered        int `json:"answered"`
		Held            int `json:"held"`
		Requests        int `json:"requests"`
		RequestsWithout int `json:"requests_without_gate"`
	}
	summaryLine struct {
		Type       string     `json:"type"`
		Calls      int        `json:"calls"`
		Unexpected int        `json:"unexpected"`
		Took       float64    `json:"took"`
		Classes    []classRow `json:"classes"`
	}
	classRow struct {
		Class    codes.Class                 `json:"class"`
		Calls    int                         `json:"calls"`
		Attempts int                         `json:"attempts"`
		Waited   float64                     `json:"waited"`
		Outcomes map[interceptor.Outcome]int `json:"outcomes"`
	}
)

func (j *jsonLines) write(line any) {
	_ = j.encoder.Encode(line) // the output remembers the error
}

func (j *jsonLines) policy(t policy.Table, about string) {
	line := policyLine{Type: "policy", About: terminal.OneLine(about)}
	for class, row := range t {
		if codes.Class(class) == codes.None {
			continue
		}
		waits := [][2]float64{}
		for _, r := range row.Schedule() {
			waits = append(waits, [2]float64{r.Min.Seconds(), r.Max.Seconds()})
		}
		line.Rows = append(line.Rows, policyRow{
			Class: codes.Class(class), Retries: row.Retries, Base: row.Base.Seconds(), Max: row.Max.Seconds(),
			Multiplier: row.Multiplier, Jitter: row.Jitter.String(), Waits: waits,
		})
	}
	j.write(line)
}

func (j *jsonLines) begin(number int, s scene) { j.number, j.scene = number, s }

func (j *jsonLines) attempt(e interceptor.Event) {
	line := attemptLine{
		Type: "attempt", Call: j.number, Title: j.scene.title, Method: e.Method, Attempt: e.Attempt,
		Code: codeOf(e), Class: e.Failure.Class, Rule: e.Failure.Rule,
		Retry: e.Decision.Retry, Why: e.Decision.Why, Wait: e.Decision.Wait.Seconds(), Took: e.Took.Seconds(),
	}
	if e.Err != nil {
		line.Reach = e.Failure.Reach.String()
	}
	j.write(line)
}

func (j *jsonLines) gate(e interceptor.GateEvent) {
	j.write(gateLine{
		Type: "gate", Call: j.number, Title: j.scene.title, State: e.State.String(),
		For: e.Failure.Delay.Seconds(), Waiting: e.Waiting, Pace: e.Pace,
	})
}

func (j *jsonLines) end(r result) {
	line := callLine{
		Type: "call", Call: r.number, Title: r.scene.title, Class: r.class, Code: terminal.CodeName(r.err),
		Outcome: r.end.Outcome, Why: r.end.Decision.Why, Attempts: r.end.Attempt, Fallback: r.end.Fallback,
		Waited: r.end.Waited.Seconds(), Took: r.end.Took.Seconds(), Answer: r.text, Error: r.fault, Differences: r.differences(),
	}
	line.Expected = len(line.Differences) == 0
	if r.scene.crowd {
		line.Crowd = &crowdLine{crowdCalls, r.with.answered, r.with.held, r.with.requests, r.without.requests}
	}
	j.write(line)
}

// interrupted writes nothing: there is no summary then.
func (j *jsonLines) interrupted() {}

func (j *jsonLines) close(all []result, took time.Duration) {
	line := summaryLine{Type: "summary", Calls: len(all), Took: took.Seconds(), Classes: []classRow{}}
	for _, r := range all {
		if len(r.differences()) > 0 {
			line.Unexpected++
		}
	}
	for _, t := range totals(all) {
		line.Classes = append(line.Classes, classRow{t.class, t.calls, t.attempts, t.waited.Seconds(), t.outcomes})
	}
	j.write(line)
}

// codeOf spells the code of an attempt.
func codeOf(e interceptor.Event) string {
	if e.Err == nil {
		return "OK"
	}
	return terminal.NameOf(e.Failure.Code)
}
