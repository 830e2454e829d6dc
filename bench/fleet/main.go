package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := command(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			_, _ = fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(2)
	}
}

// options are what the flags say.
type options struct {
	out  string
	seed uint64
	scs  []*scenario
	ns   []int
}

// parse reads the flags.
func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.out, "out", "", "write the report and its pictures to this directory")
	flags.Uint64Var(&o.seed, "seed", 1, "the seed of all chance")
	only := flags.String("only", "", "the scenarios, as A1,B2; default all")
	ns := flags.String("n", "10,1000,100000", "how many clients")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	known := scenarios()
	o.scs = known
	if *only != "" {
		o.scs = nil
		for name := range strings.SplitSeq(*only, ",") {
			i := slices.IndexFunc(known, func(s *scenario) bool { return s.name == name })
			if i < 0 {
				return o, fmt.Errorf("-only %s: no such scenario: want A1 to A3, B1 to B4, C", name)
			}
			o.scs = append(o.scs, known[i])
		}
	}
	for f := range strings.SplitSeq(*ns, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-n %s: want numbers of clients >= 1", f)
		}
		o.ns = append(o.ns, n)
	}
	return o, nil
}

// command runs the simulation. What it prints depends on nothing but its flags;
// progress goes to stderr.
func command(args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	began := time.Now()
	jobs := table(o.scs, o.ns, sides(), o.seed)
	shown := len(jobs)
	whole := o.out != "" && len(o.scs) == len(scenarios())
	if whole {
		some := slices.DeleteFunc(sides(), func(s side) bool { return !slices.Contains([]string{limitName, fleetName, gaxName}, s.name) })
		jobs = append(jobs, table(o.scs, middling(), some, o.seed)...)
	}
	progress := func(total int) func(int) {
		return func(done int) {
			_, _ = fmt.Fprintf(stderr, "\r%d of %d runs, %v ", done, total, time.Since(began).Round(time.Second))
		}
	}
	results := play(jobs, progress(len(jobs)))
	b := newBook(results)
	if _, err := io.WriteString(stdout, b.text(results[:shown])); err != nil {
		return err
	}
	if o.out == "" {
		return nil
	}
	var head []string
	var rows [][]string
	if whole {
		quick := slices.DeleteFunc(slices.Clone(o.scs), func(s *scenario) bool { return s.name == "C" })
		head, rows = sensitivity(quick, []int{10, 1000}, o.seed, progress)
	}
	_, _ = fmt.Fprintln(stderr)
	return write(o, results, b, head, rows)
}

// write writes the report and its pictures.
func write(o options, results []result, b book, head []string, rows [][]string) error {
	if err := os.MkdirAll(o.out, 0o750); err != nil {
		return err
	}
	files := map[string]string{
		"report.md":   report(o.scs, results, head, rows, o.seed),
		"goodput.svg": goodputPicture(b),
		"reset.svg":   resetPicture(b),
		"outage.svg":  outagePicture(b),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(o.out, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
