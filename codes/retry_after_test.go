package codes_test

import (
	"testing"
	"time"

	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/reinvoke/reinvoke/codes"
)

// told is the evidence of an answer with these keys in its trailer.
func told(pairs ...string) codes.Evidence {
	ev := evidenceOf(codes.Answered)
	ev.Trailer = metadata.Join(ev.Trailer, metadata.Pairs(pairs...))
	return ev
}

func TestClassify_retryAfter(t *testing.T) {
	const date = "Sun, 06 Nov 1994 08:49:37 GMT"
	const ms = time.Millisecond
	for _, tc := range []struct {
		name  string
		pairs []string
		want  time.Duration
	}{
		{"whole seconds", []string{"retry-after", "27"}, 27 * time.Second},
		{"milliseconds", []string{"retry-after-ms", "1500"}, 1500 * ms},
		{"the larger of both", []string{"retry-after", "2", "retry-after-ms", "1500"}, 2 * time.Second},
		{"the larger of several", []string{"retry-after", "2", "retry-after", "3"}, 3 * time.Second},
		{"zero is no hint", []string{"retry-after", "0"}, 0},
		{"a date against the reply's own", []string{"retry-after", "Sun, 06 Nov 1994 08:50:07 GMT", "date", date}, 30 * time.Second},
		{"a date of RFC 850", []string{"retry-after", "Sunday, 06-Nov-94 08:50:07 GMT", "date", date}, 30 * time.Second},
		{"a date of asctime", []string{"retry-after", "Sun Nov  6 08:50:07 1994", "date", date}, 30 * time.Second},
		{"a date that has passed", []string{"retry-after", "Sun, 06 Nov 1994 08:49:07 GMT", "date", date}, 0},
		{"a date, and none of the reply", []string{"retry-after", date}, 0},
		{"a date, and a date of the reply that is none", []string{"retry-after", date, "date", "today"}, 0},
		{"a date, and two of the reply", []string{"retry-after", "Sun, 06 Nov 1994 08:50:07 GMT", "date", date, "date", date}, 0},
		{"a fraction", []string{"retry-after", "1.5"}, 0},
		{"a unit", []string{"retry-after", "5s"}, 0},
		{"a sign", []string{"retry-after", "+5"}, 0},
		{"less than nothing", []string{"retry-after", "-5"}, 0},
		{"a list", []string{"retry-after", "5, 6"}, 0},
		{"nothing", []string{"retry-after", ""}, 0},
		{"more than a duration holds", []string{"retry-after", "9223372037"}, 0},
		{"more than a number holds", []string{"retry-after", "99999999999999999999", "retry-after-ms", "x"}, 0},
		{"what is malformed beside what is not", []string{"retry-after", "soon", "retry-after", "4"}, 4 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			quota := codes.Classify(status.Error(grpccodes.ResourceExhausted, "x"), told(tc.pairs...))
			if quota.Delay != tc.want || quota.Asked != (tc.want > 0) || quota.RetryAfter != 0 {
				t.Errorf("a quota: %v, asked %v, and %v beside it; want %v", quota.Delay, quota.Asked, quota.RetryAfter, tc.want)
			}
			server := codes.Classify(status.Error(grpccodes.Unavailable, "x"), told(tc.pairs...))
			if server.RetryAfter != tc.want || server.Delay != 0 {
				t.Errorf("a server in trouble: %v, and a hint of %v; want %v and none", server.RetryAfter, server.Delay, tc.want)
			}

			headed := evidenceOf(codes.Lost)
			headed.Header = metadata.Pairs(tc.pairs...)
			if f := codes.Classify(status.Error(grpccodes.Unavailable, "x"), headed); f.RetryAfter != tc.want {
				t.Errorf("in the header: %v, want %v", f.RetryAfter, tc.want)
			}
		})
	}
}

func TestClassify_retryAfterBesideOtherSigns(t *testing.T) {
	const minute = time.Minute
	for _, tc := range []struct {
		name    string
		message string
		after   string
		class   codes.Class
		delay   time.Duration
	}{
		{"the larger of it and the text's counts", "Please retry in 38.92s.", "20", codes.Quota, 38920 * time.Millisecond},
		{"it replaces what would be inferred", "60 requests per minute", "5", codes.Quota, 5 * time.Second},
		{"a quota of a day is spent, whatever it says", "1500 requests per day", "5", codes.Spent, 0},
		{"a day that ends is believed", "1500 requests per day", "7200", codes.Spent, 120 * minute},
		{"a limit of zero stays one", "limit: 0", "7200", codes.Spent, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := codes.Classify(status.Error(grpccodes.ResourceExhausted, tc.message), told("retry-after", tc.after))
			if f.Class != tc.class || f.Delay != tc.delay {
				t.Errorf("%v, %v by rule %s; want %v, %v", f.Class, f.Delay, f.Rule, tc.class, tc.delay)
			}
		})
	}
	t.Run("a quota of another code", func(t *testing.T) {
		f := codes.Classify(withDetails(t, grpccodes.Unavailable, "x", quotaFailure("Sessions")), told("retry-after", "5"))
		if f.Class != codes.Quota || f.Delay != 5*time.Second || !f.Asked {
			t.Errorf("%v, %v, asked %v; want Quota, 5s, true", f.Class, f.Delay, f.Asked)
		}
	})
	t.Run("it is no evidence where nothing was watched", func(t *testing.T) {
		ev := told("retry-after", "5")
		ev.Watched = false
		if f := codes.Classify(status.Error(grpccodes.ResourceExhausted, "x"), ev); f.Delay != 0 {
			t.Errorf("%v, want none", f.Delay)
		}
	})
}
