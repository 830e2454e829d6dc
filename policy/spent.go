package policy

import (
	"time"

	"github.com/reinvoke/reinvoke/codes"
)

// spentFor is how long a quota counts as spent if nothing tells when it refills, as with money.
// Judgement: single calls keep testing the quota meanwhile, so that the figure only decides how
// often an old refusal is confirmed.
const spentFor = 10 * time.Minute

// SpentUntil returns when a quota that refused a call at now, with a failure of class Spent, is
// expected to have room again: at the time named by the server; at the next midnight in Pacific
// time for a quota of the day, as Google's are reset then; otherwise in 10 minutes.
func SpentUntil(now time.Time, f codes.Failure) time.Time {
	switch {
	case f.Delay > 0:
		return now.Add(f.Delay)
	case f.Rule == "quota-per-day":
		return midnightPacific(now)
	}
	return now.Add(spentFor)
}

// midnightPacific returns the next midnight on the west coast of the United States, without a
// time zone database: Pacific time is UTC-8, and UTC-7 from the second Sunday of March, 10:00
// UTC, to the first Sunday of November, 9:00 UTC (Energy Policy Act of 2005).
func midnightPacific(now time.Time) time.Time {
	now = now.UTC()
	year, month, day := now.Add(-8 * time.Hour).Date()
	for {
		for _, offset := range []int{7, 8} { // the earlier moment first
			midnight := time.Date(year, month, day, offset, 0, 0, 0, time.UTC)
			if midnight.After(now) && pacificOffset(midnight) == offset {
				return midnight
			}
		}
		day++
	}
}

// pacificOffset returns how many hours Pacific time is behind UTC.
func pacificOffset(t time.Time) int {
	summer := sunday(t.Year(), time.March, 2).Add(10 * time.Hour)
	winter := sunday(t.Year(), time.November, 1).Add(9 * time.Hour)
	if t.Before(summer) || !t.Before(winter) {
		return 8
	}
	return 7
}

// sunday returns the start, in UTC, of the nth Sunday of a month.
func sunday(year int, month time.Month, n int) time.Time {
	first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	return first.AddDate(0, 0, (7-int(first.Weekday()))%7+7*(n-1))
}
