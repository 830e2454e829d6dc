package interceptor_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// mostOfAText is the bound of every text that others have written, in bytes.
const mostOfAText = 512

// huge is how long a server's message is, in bytes. It takes ten seconds a test with the
// race detector, which is content with less.
func huge() int {
	if grpctest.RaceEnabled {
		return 256 << 10
	}
	return 4 << 20
}

// nasty returns a text of n bytes with what a terminal obeys and what splits a line.
func nasty(n int) string {
	const piece = "bad \n\r\t\x1b[31mred\x00\x7f\u009b\u202e\u2028 "
	return strings.Repeat(piece, n/len(piece)+1)[:n/len(piece)*len(piece)]
}

// nastyStatus returns an error with this message and these details.
func nastyStatus(tb testing.TB, code grpccodes.Code, message string, details ...protoadapt.MessageV1) error {
	tb.Helper()
	st, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		tb.Fatal(err)
	}
	return st.Err()
}

// reasoned returns the detail with a reason and a quota.
func reasoned(text string) []protoadapt.MessageV1 {
	return []protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: text, Domain: text},
		&errdetails.QuotaFailure{Violations: []*errdetails.QuotaFailure_Violation{{QuotaId: text}}},
	}
}

// wantPrintable checks a text: runes that are printable, and at most so many bytes.
func wantPrintable(tb testing.TB, what, text string, most int) {
	tb.Helper()
	if len(text) > most {
		tb.Errorf("%s: %d bytes, want at most %d: %.100q", what, len(text), most, text)
	}
	if !utf8.ValidString(text) {
		tb.Errorf("%s: got invalid UTF-8: %.600q", what, text)
	}
	for _, r := range text {
		if !unicode.IsPrint(r) {
			tb.Errorf("%s: got %U in %.600q", what, r, text)
			return
		}
	}
}

// censor is a logging.Logger that checks what it is given.
type censor struct {
	tb testing.TB

	mu    sync.Mutex
	lines []string
	named map[string][]string // the values of the fields
}

func (c *censor) Log(_ context.Context, _ logging.Level, msg string, fields ...any) {
	c.tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	wantPrintable(c.tb, "a line", msg, 3*mostOfAText+300) // it has three such texts at most
	c.lines = append(c.lines, msg)
	if c.named == nil {
		c.named = map[string][]string{}
	}
	for i := 0; i+1 < len(fields); i += 2 {
		name, value := fmt.Sprint(fields[i]), fmt.Sprint(fields[i+1])
		wantPrintable(c.tb, "the field "+name, value, mostOfAText)
		c.named[name] = append(c.named[name], value)
	}
}

// wantLines checks that each of these texts is in a line.
func (c *censor) wantLines(parts ...string) {
	c.tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := strings.Join(c.lines, "\n")
	for _, part := range parts {
		if !strings.Contains(all, part) {
			c.tb.Errorf("no line has %q:\n%s", part, all)
		}
	}
}

// wantField checks that a field was given, and in whole or in part as this text.
func (c *censor) wantField(name, part string) {
	c.tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.named[name] {
		if strings.Contains(v, part) {
			return
		}
	}
	c.tb.Errorf("the field %s: got %.600q, want %q", name, c.named[name], part)
}
