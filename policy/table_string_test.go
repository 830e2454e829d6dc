package policy_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// golden is the default table as people read it.
const golden = `class     retries  delays        multiplier  jitter  waits
Quota     2        5 s to 120 s  x3          Above   5-7.5 s, 15-22.5 s
Spent     never
Server    3        2 s to 30 s   x2          Above   2-3 s, 4-6 s, 8-12 s
Network   5        1 s to 60 s   x2          Above   1-1.5 s, 2-3 s, 4-6 s, 8-12 s, 16-24 s
Timeout   5        1 s to 60 s   x2          Above   1-1.5 s, 2-3 s, 4-6 s, 8-12 s, 16-24 s
Auth      never
Expired   1        none
Request   never
Conflict  never
Other     3        1 s to 30 s   x2          Above   1-1.5 s, 2-3 s, 4-6 s
Ended     never
`

func TestTableString_default(t *testing.T) {
	if got := policy.Default().String(); got != golden {
		t.Errorf("got:\n%s\nwant:\n%s", got, golden)
	}
	if got := fmt.Sprint(policy.Default()); got != golden {
		t.Errorf("fmt prints:\n%s\nwant what String returns", got)
	}
}

// wantAligned checks that every cell begins where its heading does: columns
// are parted by two blanks or more, and no cell holds two in a row.
func wantAligned(t *testing.T, printed string) {
	t.Helper()
	cell := regexp.MustCompile(`\S+( \S+)*`)
	lines := strings.Split(strings.TrimSuffix(printed, "\n"), "\n")
	var columns []int
	for _, at := range cell.FindAllStringIndex(lines[0], -1) {
		columns = append(columns, at[0])
	}
	for _, line := range lines {
		if strings.TrimRight(line, " ") != line {
			t.Errorf("blanks at the end of %q", line)
		}
		for i, at := range cell.FindAllStringIndex(line, -1) {
			if i >= len(columns) || at[0] != columns[i] {
				t.Fatalf("cell %d of %q begins at %d, want one of the columns %v\n%s", i, line, at[0], columns, printed)
			}
		}
	}
	if len(lines) != codes.NumClasses {
		t.Errorf("%d lines, want the heading and one for each of %d classes", len(lines), codes.NumClasses-1)
	}
}

func TestTableString_columnsAreAligned(t *testing.T) {
	wantAligned(t, golden)
	r := newRand(t)
	for range 300 {
		table := worldTable(r)
		wantAligned(t, table.String())
		for class := range table {
			table[class] = anyRow(r)
		}
		wantAligned(t, table.String())
	}
	wantAligned(t, policy.Table{}.String())
}

// TestTableString_rows has the rows that the default table does not show.
func TestTableString_rows(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	cases := []struct {
		name string
		row  policy.Policy
		want string
	}{
		{"never", policy.Policy{}, "Quota never"},
		{"negative retries are none", policy.Policy{Retries: -1}, "Quota never"},
		{"no wait", policy.Policy{Retries: 3}, "Quota 3 none"},
		{
			"a constant wait",
			policy.Policy{Retries: 2, Base: s, Max: s, Multiplier: 1, Jitter: policy.None},
			"Quota 2 1 s to 1 s x1 None 1 s, 1 s",
		},
		{
			"more waits than fit",
			policy.Policy{Retries: 7, Base: s, Max: 4 * s, Multiplier: 2, Jitter: policy.None},
			"Quota 7 1 s to 4 s x2 None 1 s, 2 s, 4 s, 4 s, 4 s, 4 s, ...",
		},
		{
			"exactly as many as fit",
			policy.Policy{Retries: 6, Base: s, Max: 4 * s, Multiplier: 2, Jitter: policy.None},
			"Quota 6 1 s to 4 s x2 None 1 s, 2 s, 4 s, 4 s, 4 s, 4 s",
		},
		{
			"from zero on",
			policy.Policy{Retries: 1, Base: s, Max: s, Multiplier: 1, Jitter: policy.Full},
			"Quota 1 1 s to 1 s x1 Full 0-1 s",
		},
		{
			"short waits do not read as none",
			policy.Policy{Retries: 2, Base: 4 * ms, Max: 100 * ms, Multiplier: 1.3, Jitter: policy.Equal},
			"Quota 2 0.004 s to 0.1 s x1.3 Equal 0.002-0.004 s, 0.0026-0.0052 s",
		},
		{
			"thirds are rounded",
			policy.Policy{Retries: 1, Base: 10 * s, Max: 10 * s, Multiplier: 1},
			"Quota 1 10 s to 10 s x1 Above 6.67-10 s",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			line := strings.Split(tableWith(codes.Quota, c.row).String(), "\n")[1]
			if got := strings.Join(strings.Fields(line), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestPolicyString(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	cases := []struct {
		row  policy.Policy
		want string
	}{
		{policy.Policy{}, "never"},
		{policy.Policy{Retries: -1, Base: s}, "never"},
		{policy.Policy{Retries: 1}, "1 retry, no wait"},
		{policy.Policy{Retries: 2}, "2 retries, no wait"},
		{policy.Policy{Retries: 1, Base: s, Max: 2 * s, Multiplier: 2}, "1 retry, 1 s to 2 s, x2"},
		{policy.Policy{Retries: 2, Base: 5 * s, Max: 120 * s, Multiplier: 3}, "2 retries, 5 s to 120 s, x3"},
		{policy.Policy{Retries: 2, Base: 500 * ms, Max: 1250 * ms, Multiplier: 1.5}, "2 retries, 0.5 s to 1.25 s, x1.5"},
		{policy.Policy{Retries: 2, Base: ms, Max: 333333 * time.Microsecond, Multiplier: 2}, "2 retries, 0.001 s to 0.333 s, x2"},
		{policy.Policy{Retries: 2, Base: 12344 * ms, Max: 12346 * ms, Multiplier: 2}, "2 retries, 12.34 s to 12.35 s, x2"},
		{policy.Policy{Retries: 2, Base: time.Minute, Max: time.Hour, Multiplier: 2}, "2 retries, 60 s to 3600 s, x2"},
	}
	for _, c := range cases {
		if got := c.row.String(); got != c.want {
			t.Errorf("%#v: got %q, want %q", c.row, got, c.want)
		}
	}
}

func TestTableCapped(t *testing.T) {
	for _, most := range []int{-1, 0, 1, 2, 3, 4, 5, 100} {
		got := policy.Default().Capped(most)
		for class, before := range policy.Default() {
			want := before
			if before.Retries > max(most, 0) {
				want.Retries = max(most, 0)
			}
			if got[class] != want {
				t.Errorf("Capped(%d): %v is %+v, want %+v", most, codes.Class(class), got[class], want)
			}
		}
	}
	table := policy.Default()
	table.Capped(0)
	if table != policy.Default() {
		t.Error("Capped has changed the table it was called on")
	}
}
