package demo

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
	"github.com/reinvoke/reinvoke/interceptor"
)

// classTotal is the row of a class in the closing table.
type classTotal struct {
	class    codes.Class
	calls    int
	attempts int
	waited   time.Duration
	outcomes map[interceptor.Outcome]int
}

// totals adds up the results by class, in the order of the policy table.
func totals(all []result) []classTotal {
	var rows []classTotal
	for class := range codes.Class(codes.NumClasses) {
		row := classTotal{class: class, outcomes: map[interceptor.Outcome]int{}}
		for _, r := range all {
			if r.class == class && !r.scene.crowd {
				row.add(r)
			}
		}
		if row.calls > 0 {
			rows = append(rows, row)
		}
	}
	return rows
}

func (c *classTotal) add(r result) {
	c.calls++
	c.attempts += r.end.Attempt
	c.waited += r.end.Waited
	c.outcomes[r.end.Outcome]++
}

// outcome says how the calls of the class ended, as "2 recovered, 1 exhausted".
func (c *classTotal) outcome() string {
	var parts []string
	for o := interceptor.FirstTry; o <= interceptor.Ended; o++ {
		if n := c.outcomes[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %v", n, o))
		}
	}
	return strings.Join(parts, ", ")
}

// tally prints the closing table.
func (t *timeline) tally(all []result) string {
	const format = "%-8s %6s %9s %9s  %s"
	var b strings.Builder
	sum := classTotal{outcomes: map[interceptor.Outcome]int{}}
	line := func(c classTotal, name string) string {
		return fmt.Sprintf(format, name, strconv.Itoa(c.calls), strconv.Itoa(c.attempts), terminal.Seconds(c.waited), c.outcome())
	}
	fmt.Fprintln(&b, t.Paint(terminal.Faint, fmt.Sprintf(format, "class", "calls", "attempts", "waited", "outcome")))
	for _, row := range totals(all) {
		name := row.class.String()
		if row.class == codes.None {
			name = "(none)" // calls without a failure
		}
		fmt.Fprintln(&b, line(row, name))
	}
	for _, r := range all {
		if !r.scene.crowd {
			sum.add(r)
		}
	}
	fmt.Fprintln(&b, t.Paint(terminal.Bold, line(sum, "all")))
	return b.String()
}
