package codes

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/metadata"
)

// pushbackKey is the trailer key of gRFC A6 for the server's pushback.
const pushbackKey = "grpc-retry-pushback-ms"

// parsePushback returns the pushback in a trailer by the rules of gRFC A6.
func parsePushback(trailer metadata.MD) Pushback {
	values := trailer[pushbackKey]
	if len(values) == 0 {
		return Pushback{}
	}
	stop := Pushback{Set: true, Stop: true}
	if len(values) > 1 {
		return stop
	}
	ms, err := strconv.ParseInt(values[0], 10, 64)
	if err != nil || ms < 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		return stop
	}
	return Pushback{Set: true, Delay: time.Duration(ms) * time.Millisecond}
}

// The keys of an HTTP server's retry delay (RFC 9110 section 10.2.3; Azure's in
// milliseconds), and the key of the response date: a date in retry-after counts from
// there.
const (
	retryAfterKey   = "retry-after"
	retryAfterMsKey = "retry-after-ms"
	dateKey         = "date"
)

// parseRetryAfter returns the largest delay of the retry-after keys, or zero.
// Malformed values are ignored. A date in retry-after counts only beside a date key,
// because the server's clock is not ours.
func parseRetryAfter(md metadata.MD) time.Duration {
	var most time.Duration
	for _, value := range md[retryAfterKey] {
		if wait := parseWhole(value, time.Second); wait > 0 {
			most = max(most, wait)
		} else if until, err := http.ParseTime(value); err == nil && len(md[dateKey]) == 1 {
			if now, err := http.ParseTime(md[dateKey][0]); err == nil {
				most = max(most, until.Sub(now)) // saturates
			}
		}
	}
	for _, value := range md[retryAfterMsKey] {
		most = max(most, parseWhole(value, time.Millisecond))
	}
	return most
}

// parseWhole returns s times unit, or zero if s is no whole number or too large.
func parseWhole(s string, unit time.Duration) time.Duration {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n > uint64(math.MaxInt64/unit) { //nolint:gosec // units are positive
		return 0
	}
	return time.Duration(n) * unit
}

// retryInfoDelay returns the delay of a RetryInfo, or zero if the delay is absent,
// negative or no valid duration.
func retryInfoDelay(info *errdetails.RetryInfo) time.Duration {
	d := info.GetRetryDelay()
	if d == nil || d.GetSeconds() < 0 || d.GetNanos() < 0 || d.GetNanos() >= 1e9 {
		return 0
	}
	return d.AsDuration() // saturates
}

// metadataDelay returns the quotaResetDelay of an ErrorInfo (a duration in Go's
// syntax), or zero.
func metadataDelay(info *errdetails.ErrorInfo) time.Duration {
	return parseDelay(info.GetMetadata()["quotaResetDelay"])
}

// parseDelay parses a duration in Go's syntax. Invalid and negative durations give
// zero.
func parseDelay(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0
	}
	return d
}

// textDelay returns the largest delay named in the message behind retryText, such as
// "Please retry in 38.92s.", or zero.
func textDelay(message string) time.Duration {
	var most time.Duration
	for rest := message; ; {
		i := indexSentence(rest, retryText)
		if i < 0 {
			return most
		}
		rest = rest[i+len(retryText):]
		n := strings.IndexFunc(rest, func(r rune) bool {
			return (r < '0' || r > '9') && r != '.' && !strings.ContainsRune("hmsµunμ", r)
		})
		if n < 0 {
			n = len(rest)
		}
		most = max(most, parseDelay(strings.TrimRight(rest[:n], ".")))
	}
}

// indexSentence returns the index of text at the beginning of a sentence or a line of
// message, or -1.
func indexSentence(message, text string) int {
	for from := 0; ; {
		i := strings.Index(message[from:], text)
		if i < 0 {
			return -1
		}
		i += from
		before := strings.TrimRight(message[:i], " ")
		if before == "" || strings.ContainsRune(".\n!:;)", rune(before[len(before)-1])) {
			return i
		}
		from = i + len(text)
	}
}
