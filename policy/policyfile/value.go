package policyfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/policy"
)

// set stores the value of a node in the field. The error says what was expected.
func (f field) set(n *node) error {
	want := func(what string) error { return fmt.Errorf("%s: want %s", n.describe(), what) }
	switch to := f.to.(type) {
	case *bool:
		return setBool(n, to)
	case **bool:
		var b bool
		if err := setBool(n, &b); err != nil {
			return err
		}
		*to = &b
	case *int:
		v, err := strconv.Atoi(n.text)
		if n.kind != word || err != nil {
			return want("a whole number")
		}
		*to = v
	case *int64:
		v, err := strconv.ParseInt(n.text, 10, 64)
		if n.kind != word || err != nil {
			return want("a whole number")
		}
		*to = v
	case *float64:
		v, err := strconv.ParseFloat(n.text, 64)
		if n.kind != word || err != nil {
			return want("a number")
		}
		*to = v
	case *time.Duration:
		v, err := time.ParseDuration(n.text)
		if (n.kind != word && n.kind != quoted) || err != nil {
			return want("a duration such as 500ms, 5s or 1m30s")
		}
		*to = v
	case *policy.Jitter:
		j, ok := jitterOf(n.text)
		if (n.kind != word && n.kind != quoted) || !ok {
			return want("Above, Full, Equal, Symmetric or None")
		}
		*to = j
	case *policy.Priority:
		p, ok := priorityOf(n.text)
		if (n.kind != word && n.kind != quoted) || !ok {
			return want("low, normal or high")
		}
		*to = p
	case *policy.CodeSet:
		return setCodes(n, to)
	case *string:
		if (n.kind != word && n.kind != quoted) || n.text == "" {
			return want("a name")
		}
		*to = n.text
	}
	return nil
}

func setBool(n *node, to *bool) error {
	if n.kind != word || (n.text != "true" && n.text != "false") {
		return fmt.Errorf("%s: want true or false", n.describe())
	}
	*to = n.text == "true"
	return nil
}

func jitterOf(name string) (policy.Jitter, bool) {
	for j := policy.Above; j <= policy.None; j++ {
		if strings.EqualFold(j.String(), name) {
			return j, true
		}
	}
	return 0, false
}

func priorityOf(name string) (policy.Priority, bool) {
	for p := policy.LowPriority; p <= policy.HighPriority; p++ {
		if strings.EqualFold(p.String(), name) {
			return p, true
		}
	}
	return 0, false
}

// setCodes reads a list of status codes.
func setCodes(n *node, to *policy.CodeSet) error {
	if n.kind != list || len(n.items) == 0 {
		return fmt.Errorf("%s: want a list of status codes, such as [UNAVAILABLE]", n.describe())
	}
	var codes []grpccodes.Code
	var errs []error
	for _, item := range n.items {
		code, ok := codeOf(item)
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s: want a status code, such as UNAVAILABLE", item.describe()))
		case code == grpccodes.OK:
			errs = append(errs, fmt.Errorf("%s: want a status code of a failure", item.describe()))
		}
		codes = append(codes, code)
	}
	*to = policy.Codes(codes...)
	return errors.Join(errs...)
}

// codeOf returns the code for a name, ignoring case, or for a number (gRFC A6).
func codeOf(n *node) (grpccodes.Code, bool) {
	if n.kind != word && n.kind != quoted {
		return 0, false
	}
	if v, err := strconv.ParseUint(n.text, 10, 32); err == nil && n.kind == word && v <= uint64(grpccodes.Unauthenticated) {
		return grpccodes.Code(v), true
	}
	for code := grpccodes.OK; code <= grpccodes.Unauthenticated; code++ {
		if strings.EqualFold(codeName(code), n.text) || strings.EqualFold(code.String(), n.text) {
			return code, true
		}
	}
	return 0, false
}

// codeName returns the name of a code as in specifications: DEADLINE_EXCEEDED.
func codeName(code grpccodes.Code) string {
	switch code {
	case grpccodes.OK:
		return "OK"
	case grpccodes.Canceled:
		return "CANCELLED"
	default:
	}
	var b strings.Builder
	for i, r := range code.String() {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}
