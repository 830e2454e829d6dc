package grpctest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
)

// Tag numbers a message: of which attempt, and which of its messages.
func Tag(attempt, i int) string { return fmt.Sprintf("%d/%d", attempt, i) }

// Shown is what the caller of a stream has seen of it.
type Shown struct {
	Bodies []string
	Err    error // nil for EOF
	Header metadata.MD
}

// WantOfOneAttempt fails the test unless what was shown is the beginning of
// what one attempt has sent, in order and once.
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
