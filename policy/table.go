package policy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// Table is the policy of every class of failure: Table[codes.Quota] is the row for
// [codes.Quota]. A Table is plain data, copied on assignment. The zero value never retries;
// most callers should start from [Default].
type Table [codes.NumClasses]Policy

// Default returns the default table:
//
//	Quota    2 retries, 5 s to 120 s, x3
//	Server   3 retries, 2 s to 30 s, x2
//	Network  5 retries, 1 s to 60 s, x2
//	Timeout  5 retries, 1 s to 60 s, x2
//	Other    3 retries, 1 s to 30 s, x2
//	Expired  1 retry, no wait
//
// The other classes are never retried. The figures are Reinvoke's specification;
// a server's hint replaces the delay.
func Default() Table {
	return Table{
		codes.Quota:   {Retries: 2, Base: 5 * time.Second, Max: 120 * time.Second, Multiplier: 3},
		codes.Server:  {Retries: 3, Base: 2 * time.Second, Max: 30 * time.Second, Multiplier: 2},
		codes.Network: {Retries: 5, Base: 1 * time.Second, Max: 60 * time.Second, Multiplier: 2},
		codes.Timeout: {Retries: 5, Base: 1 * time.Second, Max: 60 * time.Second, Multiplier: 2},
		codes.Other:   {Retries: 3, Base: 1 * time.Second, Max: 30 * time.Second, Multiplier: 2},
		codes.Expired: {Retries: 1},
	}
}

// Fleet returns the table for long-running fleets of clients that prefer waiting
// to failing: deadlines bound the calls more than counts do.
//
//	Quota    100 retries, 1 s to 30 s, x2
//	Server   100 retries, 0.5 s to 10 s, x2
//	Network  100 retries, 0.5 s to 10 s, x2
//	Timeout  5 retries, 1 s to 60 s, x2
//	Other    3 retries, 1 s to 30 s, x2
//	Expired  1 retry, no wait
func Fleet() Table {
	t := Default()
	t[codes.Quota] = Policy{Retries: MaxRetries, Base: time.Second, Max: 30 * time.Second, Multiplier: 2, Jitter: Full}
	t[codes.Server] = Policy{Retries: MaxRetries, Base: 500 * time.Millisecond, Max: 10 * time.Second, Multiplier: 2}
	t[codes.Network] = t[codes.Server]
	return t
}

// Validate returns an error naming the class, the field and the expected value, as
// "policy: Quota: retries -1: want >= 0", or nil. Several errors are joined.
func (t Table) Validate() error {
	var errs []error
	for c, p := range t {
		errs = append(errs, validateRow("policy: ", codes.Class(c), p))
	}
	return errors.Join(errs...)
}

// validateRow prefixes every error with where and the class.
func validateRow(where string, class codes.Class, p Policy) error {
	err := p.validate(fmt.Sprintf("%s%v: ", where, class))
	if p.Retries > 0 && (class == codes.None || class == codes.Ended) {
		err = errors.Join(err, fmt.Errorf("%s%v: retries %d: want 0, there is nothing to retry", where, class, p.Retries))
	}
	return err
}

// Capped returns the table with at most this many retries per row.
func (t Table) Capped(retries int) Table {
	for c := range t {
		t[c].Retries = min(t[c].Retries, max(retries, 0))
	}
	return t
}

// maxRetries returns the retries of the largest row.
func (t *Table) maxRetries() int {
	most := 0
	if t == nil {
		return most
	}
	for c := range t {
		most = max(most, t[c].Retries)
	}
	return most
}

// String returns the table with one line per class, in aligned columns.
func (t Table) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		line := strings.Join(cells, "\t") + strings.Repeat("\t", 6-len(cells)) // a short row would break the alignment
		_, _ = fmt.Fprintln(w, line)                                           // a strings.Builder never fails
	}
	row("class", "retries", "delays", "multiplier", "jitter", "waits")
	for c, p := range t {
		switch {
		case codes.Class(c) == codes.None:
		case p.Retries <= 0:
			row(codes.Class(c).String(), "never")
		case p.Base <= 0:
			row(codes.Class(c).String(), strconv.Itoa(p.Retries), "none")
		default:
			row(codes.Class(c).String(), strconv.Itoa(p.Retries), seconds(p.Base)+" to "+seconds(p.Max),
				fmt.Sprintf("x%v", p.Multiplier), p.Jitter.String(), p.waits())
		}
	}
	_ = w.Flush() // as above
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// waits prints the schedule of the row, as "5-7.5 s, 15-22.5 s".
func (p Policy) waits() string {
	const shown = 6
	var parts []string
	for n, r := range p.Schedule() {
		if n == shown {
			parts = append(parts, "...")
			break
		}
		from, to := seconds(r.Min), seconds(r.Max)
		if from == to {
			parts = append(parts, to)
		} else {
			parts = append(parts, strings.TrimSuffix(from, " s")+"-"+to)
		}
	}
	return strings.Join(parts, ", ")
}
