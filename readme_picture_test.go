package reinvoke_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// drawSchedule draws when the attempts of each class start: a bar for each
// wait, from the earliest to the latest moment at which it can end, on a
// common axis of seconds since the first failure.
func drawSchedule(t policy.Table) string {
	const width, left, right, row, top = 860, 90, 30, 34, 56
	rows := []codes.Class{codes.Quota, codes.Server, codes.Network, codes.Timeout, codes.Other}
	var end time.Duration
	for _, class := range rows {
		var latest time.Duration
		for _, r := range t[class].Schedule() {
			latest += r.Max
		}
		end = max(end, latest)
	}
	scale := float64(width-left-right) / end.Seconds()
	x := func(d time.Duration) float64 { return left + d.Seconds()*scale }

	var b strings.Builder
	height := top + row*len(rows) + 40
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13">`+"\n", width, height)
	b.WriteString("<title>When retries start, by class</title>\n")
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="22" fill="#1f2937" font-size="15" font-weight="600">When retries start, in seconds after the first failure</text>`+"\n", left)
	fmt.Fprintf(&b, `<text x="%d" y="40" fill="#6b7280">each bar runs from the earliest to the latest start; a server's own hint replaces the wait</text>`+"\n", left)
	for s := time.Duration(0); s <= end; s += 5 * time.Second {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#e5e7eb"/>`, x(s), top, x(s), top+row*len(rows))
		fmt.Fprintf(&b, `<text x="%.1f" y="%d" fill="#6b7280" text-anchor="middle">%v</text>`+"\n", x(s), top+row*len(rows)+18, s.Seconds())
	}
	for i, class := range rows {
		y := top + row*i
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#1f2937" text-anchor="end">%v</text>`+"\n", left-12, y+row/2+5, class)
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%d" r="4" fill="#b91c1c"/>`+"\n", x(0), y+row/2)
		var earliest, latest time.Duration
		for _, r := range t[class].Schedule() {
			earliest, latest = earliest+r.Min, latest+r.Max
			fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="%.1f" height="12" rx="3" fill="#1d4ed8"/>`,
				x(earliest), y+row/2-6, x(latest)-x(earliest))
			b.WriteString("\n")
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}
