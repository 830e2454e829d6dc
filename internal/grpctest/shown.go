package grpctest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
)

// Tag returns the numbers of an attempt and of a message in the attempt, as "2/0".
func Tag(attempt, i int) string { return fmt.Sprintf("%d/%d", attempt, i) }

// Shown is the part of a stream seen by the caller.
type Shown struct {
	Bodies []string
	Err    error // nil for EOF
	Header metadata.MD
}

// WantOfOneAttempt fails the test unless header and messages are from a single attempt.
// The messages must be the first ones of the attempt, in order and without repetition.
func (s *Shown) WantOfOneAttempt(t *testing.T) {
	t.Helper()
	attempt := ""
	if len(s.Header["attempt"]) > 0 {
		attempt, _, _ = strings.Cut(s.Header["attempt"][0], "/")
	}
	for i, body := range s.Bodies {
		of, index, _ := strings.Cut(body, "/")
		if attempt == "" {
			attempt = of
		}
		if of != attempt || index != strconv.Itoa(i) {
			t.Errorf("was shown header %v and messages %v, want those of one attempt, in order", s.Header["attempt"], s.Bodies)
			return
		}
	}
}
