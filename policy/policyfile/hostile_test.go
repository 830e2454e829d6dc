package policyfile_test

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// repeat returns lines until there are so many bytes.
func repeat(size int, before, format, after string) string {
	var b strings.Builder
	b.WriteString(before)
	for i := 0; b.Len() < size-len(after); i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String() + after
}

// hostile are files of about a size that are meant to take long.
var hostile = map[string]func(size int) string{
	"unknown keys":      func(size int) string { return repeat(size, "", "k%d: 1\n", "") },
	"unknown JSON keys": func(size int) string { return repeat(size, `{"gate": {`, `"k%d": 1, `, `"k": 1}}`) },
	"one key, again":    func(size int) string { return repeat(size, "gate:\n", "  hints: true # %d\n", "") },
	"keys, twice each": func(size int) string {
		return repeat(size/2, "", "k%d: 1\n", "") + repeat(size/2, "", "k%d: 1\n", "")
	},
	"nested lists":    func(size int) string { return "methods: " + strings.Repeat("[", size) },
	"nested sections": func(size int) string { return strings.Repeat("{a: ", size/4) },
	"nested JSON":     func(size int) string { return `{"methods": ` + strings.Repeat("[", size) },
	"a merge of keys": func(size int) string { return repeat(size, "x: &x\n", " k%d: 1\n", "table: {<<: *x}\n") },
	"many merges": func(size int) string {
		return repeat(size, "limits: &l {maxAttempts: 1}\ngate:\n", " <<: *l # %d\n", "")
	},
	"merges of merges": func(size int) string {
		return repeat(size, "x0: &a0 {k0: 1}\n", "x%[1]d: &a%[1]d {<<: *a0, k%[1]d: 1}\n", "")
	},
	"a chain of merges": func(size int) string {
		var b strings.Builder
		b.WriteString("x0: &a0 {k0: 1}\n")
		for i := 1; b.Len() < size; i++ {
			fmt.Fprintf(&b, "x%d: &a%d {<<: *a%d, k%d: 1}\n", i, i, i-1, i)
		}
		return b.String()
	},
	"aliases of a long value": func(size int) string {
		return repeat(size, "x: &x "+strings.Repeat("0", size/2)+"\nmethods:\n- codes: [", "*x, ", "*x]\n")
	},
	"aliases of a long key": func(size int) string {
		return repeat(size, "x: &x {"+strings.Repeat("k", size/2)+": 1}\nmethods:\n", "- *x # %d\n", "")
	},
	"methods":            func(size int) string { return repeat(size, "methods:\n", "- {pattern: /a.S/m%d}\n", "") },
	"wrong methods":      func(size int) string { return repeat(size, "methods:\n", "- {pattern: /a.S/m%d, timeout: -1s}\n", "") },
	"wrong patterns":     func(size int) string { return repeat(size, "methods:\n", "- {pattern: m%d}\n", "") },
	"one pattern, again": func(size int) string { return repeat(size, "methods:\n", "- {pattern: /a.S/*} # %d\n", "") },
	"directives":         func(size int) string { return repeat(size, "", "%%TAG !a%d! x\n", "--- {}\n") },
	"directives in UTF-16": func(size int) string {
		return "\xff\xfe" + strings.Join(strings.Split(repeat(size/2, "", "%%TAG !a%d! x\n", "--- {}\n"), ""), "\x00") + "\x00"
	},
}

// hostileServiceConfigs are the same of gRPC service configs.
var hostileServiceConfigs = map[string]func(size int) string{
	"unknown fields": func(size int) string { return repeat(size, `{"methodConfig": [{`, `"k%d": 1, `, `"k": 1}]}`) },
	"names": func(size int) string {
		return repeat(size, `{"methodConfig": [{"name": [`, `{"service": "s%d"}, `, `{"service": "s"}]}]}`)
	},
	"nested lists": func(size int) string { return `{"loadBalancingConfig": ` + strings.Repeat("[", size) },
}

// growth returns how many times as long a file of 256 KiB takes as one of 16 KiB, or as
// 10 ms: what takes less is too short to be compared on a busy machine, and where
// anything looked at all the rest for each part of it, the large file would take seconds.
func growth(text func(size int) string, load func(io.Reader) (policy.Config, error)) float64 {
	var took [2]time.Duration
	for i, size := range []int{1 << 14, 1 << 18} {
		r := strings.NewReader(text(size))
		began := time.Now()
		_, _ = load(r)
		took[i] = time.Since(began)
	}
	return float64(took[1]) / float64(max(took[0], 10*time.Millisecond))
}

// TestLoad_growsWithTheFile: what is 16 times as large takes about 16 times as long,
// where it would take 256 times as long if anything looked at all the rest for each
// part of it. The best of some measurements counts, since others use the machine too.
func TestLoad_growsWithTheFile(t *testing.T) {
	linear := func(text func(size int) string, load func(io.Reader) (policy.Config, error)) func(t *testing.T) {
		return func(t *testing.T) {
			const most, tries = 64, 5 // the middle between 16 and 256
			var got []float64
			for range tries {
				got = append(got, growth(text, load))
				if got[len(got)-1] < most {
					return
				}
			}
			t.Errorf("16 times the size took %.0f times as long, want less than %d once", got, most)
		}
	}
	for name, text := range hostile {
		t.Run(name, linear(text, policyfile.Load))
	}
	for name, text := range hostileServiceConfigs {
		t.Run("a service config: "+name, linear(text, policyfile.FromServiceConfig))
	}
}

// TestLoad_hostileErrorsAreShort, however large the file is, and printable.
func TestLoad_hostileErrorsAreShort(t *testing.T) {
	short := func(err error) func(t *testing.T) {
		return func(t *testing.T) {
			if err == nil {
				return
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) > 21 {
				t.Errorf("%d faults are listed, want 20 at most", len(lines))
			}
			for _, line := range lines {
				for _, r := range line {
					if !strconv.IsPrint(r) {
						t.Errorf("%.300q has %q, want printable text", line, r)
						break
					}
				}
				if len(line) > 600 {
					t.Errorf("%.300q has %d bytes, want less", line, len(line))
				}
			}
		}
	}
	for name, text := range hostile {
		_, err := policyfile.Load(strings.NewReader(text(1 << 15)))
		t.Run(name, short(err))
	}
	for name, text := range hostileServiceConfigs {
		_, err := policyfile.FromServiceConfig(strings.NewReader(text(1 << 15)))
		t.Run("a service config: "+name, short(err))
	}
	long := strings.Repeat("\x1b[2J\u202e", 10_000)
	for i, format := range []string{
		"{%q: 1}", "{base: %q}", "{gate: {%q: {}}}", "{gate: %q}", "{gate: {hints: %q}}", "{table: {Server: %q}}", "{methods: %q}", "{methods: [%q]}",
		"{methods: [{pattern: %q}]}", "{methods: [{pattern: a, codes: [%q]}]}", "{methods: [{codes: %q}]}", "{table: {Server: {<<: %q}}}",
		`{methods: [{pattern: /%[2]s/*, timeout: -1s}, {pattern: /%[2]s/*}]}`, "{x: &a%[3]s [*a%[3]s]}", "{x: *a%[3]s}", "%[2]s: 1", "\u202e: 1", "{base: \u202e}", "{base: \x1b}",
	} {
		_, err := policyfile.Load(strings.NewReader(fmt.Sprintf(format+"%.0[2]s%.0[3]s", long, strings.Repeat("\u202e", 1000), strings.Repeat("x", 1000))))
		if err == nil {
			t.Errorf("%s was loaded", format)
		}
		t.Run(strconv.Itoa(i), short(err))
	}
	for i, format := range []string{
		`{%q: 1}`, `{"methodConfig": [{"timeout": %q}]}`, `{"methodConfig": [{"name": [{"method": %q}]}]}`, `{"methodConfig": [{"name": [{"service": %q, "method": "a/b"}]}]}`,
		`{"methodConfig": [{"name": [{"service": %[1]q}]}, {"name": [{"service": %[1]q}], "timeout": "1s"}]}`,
		`{"methodConfig": [{"name": [{"service": %q}], "hedgingPolicy": {"maxAttempts": %[1]q}}]}`,
	} {
		_, err := policyfile.FromServiceConfig(strings.NewReader(strings.ReplaceAll(fmt.Sprintf(format, long), `\x1b`, `\u001b`)))
		if err == nil {
			t.Errorf("%s was loaded", format)
		}
		t.Run("a service config: "+strconv.Itoa(i), short(err))
	}
}

// TestLoad_listsTheFirstFaults by line, and counts the others.
func TestLoad_listsTheFirstFaults(t *testing.T) {
	text := func(unknown int) string {
		return "methods:\n- {pattern: a}\n" + repeatTimes(unknown, "k%d: 1\n")
	}
	for unknown, last := range map[int]string{
		18:   "line 20: k17: unknown: want base, budget, gate, limits, methods, quotas, table or targets",
		19:   "line 21: k18: unknown: want base, budget, gate, limits, methods, quotas, table or targets",
		20:   "... and 1 more fault",
		21:   "... and 2 more faults",
		1253: "... and 1234 more faults",
	} {
		got := faults(t, text(unknown))
		if want := min(unknown+1, 21); len(got) != want || got[len(got)-1] != last {
			t.Errorf("%d lines, the last is %q; want %d and %q", len(got), got[len(got)-1], want, last)
		}
		if want := "line 2: methods[0].pattern: "; !strings.HasPrefix(got[0], want) { // which is found last
			t.Errorf("the first is %q, want %q", got[0], want)
		}
	}
	_, err := policyfile.Load(strings.NewReader(text(1253)))
	if got, want := err.Error(), "\npolicyfile: ... and 1234 more faults"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at its end", got, want)
	}
	if fault, ok := errors.AsType[*policyfile.Error](err); !ok || fault.Line != 2 {
		t.Errorf("the first fault is %v, want that of line 2", fault)
	}
}

func repeatTimes(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestLoad_showsNames as they are where that is harmless.
func TestLoad_showsNames(t *testing.T) {
	const want = ": unknown: want base, budget, gate, limits, methods, quotas, table or targets"
	for name, shown := range map[string]string{
		"größe":                   "größe",
		"a key":                   "a key",
		"":                        `""`,
		"\x1b[2J":                 `"\x1b[2J"`,
		"a\nb":                    `"a\nb"`,
		"\u202eab":                `"\u202eab"`,
		strings.Repeat("k", 100):  strings.Repeat("k", 100),
		strings.Repeat("k", 1e6):  `"` + strings.Repeat("k", 100) + `"...`,
		strings.Repeat("€", 1000): `"` + strings.Repeat("€", 33) + `"...`,
	} {
		got := faults(t, fmt.Sprintf("%q: 1\n", name))
		if diff := cmp.Diff([]string{"line 1: " + shown + want}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestLoad_longAliases: a small file cannot stand for more text than can be looked at.
func TestLoad_longAliases(t *testing.T) {
	half := strings.Repeat("0", 1<<19)
	for name, text := range map[string]string{
		"a value": "x: &x " + half + "\nmethods:\n- codes: [" + strings.Repeat("*x, ", 8) + "]\n",
		"a key":   "x: &x {" + half + ": 1}\nmethods: [" + strings.Repeat("*x, ", 8) + "]\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := faults(t, text)
			if want := "more than 4194304 bytes of text with its aliases: want a file of policies"; len(got) != 1 || !strings.HasSuffix(got[0], want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestLoad_depth: what is nested deeper than any configuration is refused before the
// stack is used up.
func TestLoad_depth(t *testing.T) {
	for name, text := range map[string]string{
		"YAML":    "x: \n  " + strings.Repeat("[", 101) + strings.Repeat("]", 101),
		"JSON":    "{\"x\": \n" + strings.Repeat("[", 101) + strings.Repeat("]", 101) + "}",
		"aliases": "x:\n- &a0 [a]\n- [" + repeatTimes(1, "*a%d") + "]\n- " + strings.Repeat("[", 99) + "*a0" + strings.Repeat("]", 99),
	} {
		t.Run(name, func(t *testing.T) {
			got := faults(t, text)
			if want := "nested more than 100 deep: want a file of policies"; len(got) != 1 || !strings.HasSuffix(got[0], want) || strings.HasPrefix(got[0], "line 0") {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	deep := `{"loadBalancingConfig": ` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `}`
	if _, err := policyfile.FromServiceConfig(strings.NewReader(deep)); err != nil {
		t.Errorf("got %v for a depth of 100, want none", err)
	}
}
