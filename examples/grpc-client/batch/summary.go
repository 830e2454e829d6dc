package batch

import "github.com/reinvoke/reinvoke/examples/grpc-client/exit"

// summary is the account of a run. The names of the fields are those of -json.
type summary struct {
	Type string `json:"type"`
	counts
	FailedBefore int      `json:"failed_before"` // prompts of earlier runs
	Left         int      `json:"left"`          // prompts without a result
	Reasons      []reason `json:"reasons"`       // of the failed prompts of this run
	Interrupted  bool     `json:"interrupted"`
	Status       int      `json:"status"` // the exit status

	nothing bool // there was nothing to ask
	resumes bool // a later run can go on from here
}

// sum sums up a run of so many prompts without a result; err is why the run could not go on.
func (t *tally) sum(todo int, stopped bool, to sink, err error) summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := summary{Type: "summary", counts: t.counts, Reasons: t.reasons.sorted(), nothing: todo == 0, resumes: to.resumes()}
	s.FailedBefore = to.failed() - s.Failed
	s.Left = todo - s.Answered - s.Failed
	s.Interrupted = stopped && s.Left > 0
	switch {
	case err != nil:
		s.Status = exit.Failed
	case s.Interrupted:
		s.Status = exit.Interrupted
	case to.failed() > 0 || s.Left > 0:
		s.Status = exit.Failed
	default:
		s.Status = exit.OK
	}
	return s
}
