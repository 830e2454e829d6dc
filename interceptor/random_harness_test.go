package interceptor_test

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
)

// firstSeed is where the seeds of the random tests begin. 0 takes a new one
// for each run; a failed test names the seed to give.
var firstSeed = flag.Uint64("seed", 0, "the seed of the random tests; 0 takes a new one")

// seedOf returns the seed of round n.
func seedOf(t *testing.T, n int) uint64 {
	t.Helper()
	if *firstSeed != 0 {
		return *firstSeed + uint64(n) //nolint:gosec // not negative
	}
	return uint64(time.Now().UnixNano()) + uint64(n) //nolint:gosec // likewise
}

// tag numbers a message: of which attempt, and which of its messages.
func tag(attempt, i int) string { return fmt.Sprintf("%d/%d", attempt, i) }

// shown is what the caller of a stream has seen of it.
type shown struct {
	bodies []string
	err    error // nil for EOF
	header metadata.MD
}

// wantOfOneAttempt fails the test unless what was shown is the beginning of
// what one attempt has sent, in order and once.
func (s *shown) wantOfOneAttempt(t *testing.T) {
	t.Helper()
	attempt := ""
	if len(s.header["attempt"]) > 0 {
		attempt, _, _ = strings.Cut(s.header["attempt"][0], "/")
	}
	for i, body := range s.bodies {
		of, index, _ := strings.Cut(body, "/")
		if attempt == "" {
			attempt = of
		}
		if of != attempt || index != strconv.Itoa(i) {
			t.Errorf("was shown header %v and messages %v, want those of one attempt, in order", s.header["attempt"], s.bodies)
			return
		}
	}
}
