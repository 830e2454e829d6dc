package codes_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/reinvoke/reinvoke/codes"
)

// sane checks what holds for every failure, whatever the server sent.
func sane(t *testing.T, f *codes.Failure) {
	t.Helper()
	if f.Class == codes.None || f.Class >= codes.NumClasses {
		t.Errorf("class %v is none of a failure", f.Class)
	}
	if f.Rule == "" {
		t.Error("no rule decided")
	}
	if f.Delay < 0 || f.Asked && f.Delay == 0 {
		t.Errorf("delay %v, asked %v", f.Delay, f.Asked)
	}
	if f.RetryAfter < 0 || f.QuotaValue < 0 {
		t.Errorf("retry after %v, quota of %d", f.RetryAfter, f.QuotaValue)
	}
	if f.MayHaveRun && f.Reach == codes.Unsent {
		t.Error("it may have run, and was not sent")
	}
	if p := f.Pushback; p.Delay < 0 || !p.Set && p != (codes.Pushback{}) || p.Stop && p.Delay != 0 {
		t.Errorf("pushback %+v", p)
	}
}

func TestClassify_hostileRetryInfo(t *testing.T) {
	for _, tc := range []struct {
		name  string
		delay *durationpb.Duration
		want  time.Duration
	}{
		{"absent", nil, 0},
		{"zero", &durationpb.Duration{}, 0},
		{"negative", &durationpb.Duration{Seconds: -5}, 0},
		{"negative by its nanoseconds", &durationpb.Duration{Nanos: -1}, 0},
		{"of two signs", &durationpb.Duration{Seconds: 5, Nanos: -1}, 0},
		{"the least", &durationpb.Duration{Seconds: math.MinInt64, Nanos: math.MinInt32}, 0},
		{"more nanoseconds than a second has", &durationpb.Duration{Seconds: 5, Nanos: 1e9}, 0},
		{"the most nanoseconds", &durationpb.Duration{Seconds: 5, Nanos: math.MaxInt32}, 0},
		{"one nanosecond", &durationpb.Duration{Nanos: 1}, 1},
		{"161 hours", &durationpb.Duration{Seconds: 161 * 3600}, 161 * time.Hour},
		{"more seconds than a time.Duration holds", &durationpb.Duration{Seconds: 1e10}, math.MaxInt64},
		{"the most", &durationpb.Duration{Seconds: math.MaxInt64, Nanos: 999999999}, math.MaxInt64},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for reason, want := range map[string]verdict{
				"":                {grpccodes.ResourceExhausted, codes.Quota, codes.Answered, "quota-hint"},
				"QUOTA_EXHAUSTED": {grpccodes.ResourceExhausted, codes.Spent, codes.Answered, "quota-exhausted"},
			} {
				if reason == "" && tc.want == 0 {
					want.Rule = "resource-exhausted"
				}
				f := codes.Classify(withDetails(t, grpccodes.ResourceExhausted, "x",
					&errdetails.RetryInfo{RetryDelay: tc.delay}, &errdetails.ErrorInfo{Reason: reason}), evidenceOf(codes.Answered))
				sane(t, &f)
				expect(t, f, want)
				if f.Delay != tc.want || f.Asked != (tc.want > 0) {
					t.Errorf("delay %v, asked %v; want %v", f.Delay, f.Asked, tc.want)
				}
			}
		})
	}
}

func TestClassify_noHintIsLongEnoughForALimitOfZero(t *testing.T) {
	for _, message := range []string{"limit: 0", "x"} {
		f := codes.Classify(withDetails(t, grpccodes.ResourceExhausted, message,
			&errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: math.MaxInt64}},
			errorInfo("", "", "quota_limit_value", "0")), evidenceOf(codes.Answered))
		if f.Rule != "quota-zero" || f.Delay != 0 || f.Asked {
			t.Errorf("rule %s, delay %v, asked %v; want quota-zero without delay", f.Rule, f.Delay, f.Asked)
		}
	}
}

func TestClassify_hostileDelaysInText(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                      0,
		"s":                     0,
		".":                     0,
		"....s":                 0,
		"0s":                    0,
		"-3s":                   0,
		"5":                     0,
		"5x":                    0,
		"5e9s":                  0,
		"NaNs":                  0,
		"99999999999999999h":    0, // overflows
		"2562047h47m16.9s":      0, // overflows by a little
		"2562047h47m16s":        2562047*time.Hour + 47*time.Minute + 16*time.Second,
		"1ns":                   1,
		"1.5h":                  90 * time.Minute,
		"3µs":                   3 * time.Microsecond,
		strings.Repeat("9", 99): 0,
	} {
		t.Run(text, func(t *testing.T) {
			inText := codes.Classify(status.Error(grpccodes.ResourceExhausted, "Please retry in "+text), codes.Evidence{})
			sane(t, &inText)
			if inText.Delay != want {
				t.Errorf("in the message: delay %v, want %v", inText.Delay, want)
			}
			inMetadata := codes.Classify(withDetails(t, grpccodes.ResourceExhausted, "x", errorInfo("r", "d", "quotaResetDelay", text)), codes.Evidence{})
			sane(t, &inMetadata)
			if inMetadata.Delay != want {
				t.Errorf("in the metadata: delay %v, want %v", inMetadata.Delay, want)
			}
		})
	}
}

func TestClassify_hostileDetails(t *testing.T) {
	packed := func(url string, value []byte) *anypb.Any { return &anypb.Any{TypeUrl: url, Value: value} }
	const retryInfo = "type.googleapis.com/google.rpc.RetryInfo"
	good, err := anypb.New(&errdetails.RetryInfo{RetryDelay: &durationpb.Duration{Seconds: 7}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		details []*anypb.Any
		delay   time.Duration
	}{
		{"one that is nil", []*anypb.Any{nil}, 0},
		{"one that is empty", []*anypb.Any{{}}, 0},
		{"a type that nobody knows", []*anypb.Any{packed("type.googleapis.com/no.such.Type", []byte("x"))}, 0},
		{"a type without name", []*anypb.Any{packed("/", nil)}, 0},
		{"a type that is no name", []*anypb.Any{packed("\xff\x00 ", []byte{1})}, 0},
		{"bytes that are no message", []*anypb.Any{packed(retryInfo, []byte{0xff, 0xff, 0xff})}, 0},
		{"a message without bytes", []*anypb.Any{packed(retryInfo, nil)}, 0},
		{"a good one behind bad ones", []*anypb.Any{packed(retryInfo, []byte{0xff}), packed("?", nil), good}, 7 * time.Second},
		{"a thousand", slices.Repeat([]*anypb.Any{good}, 1000), 7 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			st := &spb.Status{Code: int32(grpccodes.ResourceExhausted), Message: "x", Details: tc.details}
			f := codes.Classify(status.ErrorProto(st), evidenceOf(codes.Lost))
			sane(t, &f)
			if f.Class != codes.Quota || f.Reach != codes.Answered || f.Delay != tc.delay {
				t.Errorf("%v %v, delay %v; want Quota Answered, %v", f.Class, f.Reach, f.Delay, tc.delay)
			}
		})
	}
}

func TestClassify_aThousandDetails(t *testing.T) {
	// The sign of permanence is found wherever it stands.
	st := status.New(grpccodes.ResourceExhausted, "x")
	for i := range 999 {
		var err error
		if st, err = st.WithDetails(errorInfo(fmt.Sprint("REASON_", i), "googleapis.com"), quotaFailure("PerMinute")); err != nil {
			t.Fatal(err)
		}
	}
	st, err := st.WithDetails(quotaFailure("PerDay"))
	if err != nil {
		t.Fatal(err)
	}
	f := codes.Classify(st.Err(), evidenceOf(codes.Answered))
	if f.Rule != "quota-per-day" || f.QuotaID != "PerDay" || f.Reason != "REASON_0" {
		t.Errorf("rule %s, quota %s, reason %s; want quota-per-day, PerDay, REASON_0", f.Rule, f.QuotaID, f.Reason)
	}
}

func TestClassify_hugeMessages(t *testing.T) {
	for _, part := range []string{
		"Please retry in ", "x Please retry in 5s", "limit: 0", "limit: 00", "per day", "billingbilling ", "       ", "\x00\xff", "é",
		"max retries exhausted: failed after ", "desc = ", `connection error: desc = "`, perRPC, httpText,
	} {
		t.Run(part, func(t *testing.T) {
			for _, code := range []grpccodes.Code{grpccodes.ResourceExhausted, grpccodes.Unavailable, grpccodes.Unauthenticated} {
				f := codes.Classify(status.Error(code, strings.Repeat(part, 1<<18/len(part))), codes.Evidence{})
				sane(t, &f)
			}
		})
	}
}

func TestClassify_pushback(t *testing.T) {
	stop := codes.Pushback{Set: true, Stop: true}
	after := func(d time.Duration) codes.Pushback { return codes.Pushback{Set: true, Delay: d} }
	for _, tc := range []struct {
		name   string
		values []string
		want   codes.Pushback
	}{
		{"none", nil, codes.Pushback{}},
		{"zero is at once", []string{"0"}, after(0)},
		{"fifteen", []string{"15"}, after(15 * time.Millisecond)},
		{"a sign", []string{"+5"}, after(5 * time.Millisecond)}, // as grpc-go reads it
		{"negative is stop", []string{"-1"}, stop},
		{"no number is stop", []string{"abc"}, stop},
		{"a fraction is stop", []string{"1.5"}, stop},
		{"a duration is stop", []string{"15ms"}, stop},
		{"a space is stop", []string{" 5"}, stop},
		{"empty is stop", []string{""}, stop},
		{"repeated is stop", []string{"15", "15"}, stop},
		{"the most milliseconds that fit", []string{"9223372036854"}, after(9223372036854 * time.Millisecond)},
		{"one more is stop", []string{"9223372036855"}, stop},
		{"the most of an int64 is stop", []string{"9223372036854775807"}, stop},
		{"more than an int64 is stop", []string{"9223372036854775808"}, stop},
		{"the least of an int64 is stop", []string{"-9223372036854775808"}, stop},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := evidenceOf(codes.Answered)
			if tc.values != nil {
				ev.Trailer["grpc-retry-pushback-ms"] = tc.values
			}
			f := codes.Classify(status.Error(grpccodes.Unavailable, "x"), ev)
			sane(t, &f)
			if diff := cmp.Diff(tc.want, f.Pushback); diff != "" {
				t.Errorf("pushback (-want +got):\n%s", diff)
			}
			if f.Delay != 0 || f.Asked {
				t.Errorf("delay %v, asked %v: a pushback is no hint", f.Delay, f.Asked)
			}
		})
	}
}

// TestClassify_askingDoesNotChangeTheClass sends everything by which a server
// can ask for another attempt along with failures that none can help.
func TestClassify_askingDoesNotChangeTheClass(t *testing.T) {
	type failure struct {
		code    grpccodes.Code
		message string
	}
	for _, base := range []failure{
		{grpccodes.InvalidArgument, "x"},
		{grpccodes.InvalidArgument, "API key not valid."},
		{grpccodes.NotFound, "x"},
		{grpccodes.PermissionDenied, "x"},
		{grpccodes.Unauthenticated, "x"},
		{grpccodes.Aborted, "x"},
		{grpccodes.Unimplemented, "x"},
		{grpccodes.ResourceExhausted, "limit: 0"},
		{grpccodes.ResourceExhausted, "1000 requests per day"},
		{grpccodes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)"},
	} {
		t.Run(fmt.Sprint(base.code, " ", base.message), func(t *testing.T) {
			want := codes.Classify(status.Error(base.code, base.message), evidenceOf(codes.Answered))
			for _, value := range []string{"0", "15", "-1"} {
				ev := evidenceOf(codes.Answered)
				ev.Trailer = metadata.Join(ev.Trailer, metadata.Pairs("grpc-retry-pushback-ms", value))
				f := codes.Classify(withDetails(t, base.code, base.message+" Please retry in 9s.", retryInfo(3*time.Second),
					errorInfo("", "", "quotaResetDelay", "8s")), ev)
				if f.Class != want.Class {
					t.Errorf("%v by rule %s, want %v", f.Class, f.Rule, want.Class)
				}
			}
		})
	}
}
