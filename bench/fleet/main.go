package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/term"
)

func main() {
	if err := command(os.Args[1:], os.Stdout, os.Stderr, term.IsTerminal(int(os.Stderr.Fd())) && os.Getenv("TERM") != "dumb"); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			_, _ = fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(2)
	}
}

// options are the parsed flags.
type options struct {
	out  string
	seed uint64
	scs  []*scenario
	ns   []int
	// The scenes of ordinary programs, and the numbers of processes.
	scenes    []*scenario
	processes []int
}

// parse reads the flags.
func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.out, "out", "", "write the report and its pictures to this directory")
	flags.Uint64Var(&o.seed, "seed", 1, "the seed of all chance")
	only := flags.String("only", "", "the scenarios, as A1,B2,D4; default all of A, B and C, and with -out those of D too")
	ns := flags.String("n", "", "how many clients; default 10,1000,100000, and 1,10,1000 for D")
	deadline := flags.Duration("deadline", 0, "the deadline of every call of A, B and C; 0 for the scenario's own")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if *deadline < 0 {
		return o, fmt.Errorf("-deadline %v: want > 0s, or 0s for the scenario's own", *deadline)
	}
	if *deadline > 0 && o.out != "" {
		return o, errors.New("-deadline: want it without -out, whose report has the scenarios' own")
	}
	if o.scs, o.scenes, err = chosen(*only); err != nil {
		return o, err
	}
	for _, s := range o.scs {
		s.deadline = cmp.Or(*deadline, s.deadline)
	}
	if *only == "" && o.out == "" {
		o.scenes = nil
	}
	o.ns, o.processes = []int{10, 1000, 100000}, []int{1, 10, 1000}
	if *ns == "" {
		return o, nil
	}
	o.ns = nil
	for f := range strings.SplitSeq(*ns, ",") {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-n %s: want numbers of clients >= 1", f)
		}
		o.ns = append(o.ns, n)
	}
	o.processes = o.ns
	return o, nil
}

// chosen returns the scenarios named by -only, and the scenes of ordinary programs.
func chosen(only string) (scs, scenes []*scenario, err error) {
	known, others := scenarios(), ordinary()
	if only == "" {
		return known, others, nil
	}
	for name := range strings.SplitSeq(only, ",") {
		named := func(s *scenario) bool { return s.name == name }
		if i := slices.IndexFunc(known, named); i >= 0 {
			scs = append(scs, known[i])
			continue
		}
		if !slices.ContainsFunc(others, named) {
			return nil, nil, fmt.Errorf("-only %s: no such scenario: want A1 to A3, B1 to B4, C, D1 to D4", name)
		}
		for _, s := range others {
			if named(s) {
				scenes = append(scenes, s)
			}
		}
	}
	return scs, scenes, nil
}

// command runs the simulation. The output on stdout depends only on the flags; progress goes to
// stderr, as a bar if stderr is a terminal.
func command(args []string, stdout, stderr io.Writer, terminal bool) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	jobs := table(o.scs, o.ns, sides(), o.seed)
	shown := len(jobs)
	whole := o.out != "" && len(o.scs) == len(scenarios())
	if whole {
		some := slices.DeleteFunc(sides(), func(s side) bool { return !slices.Contains([]string{limitName, fleetName, gaxName}, s.name) })
		jobs = append(jobs, table(o.scs, middling(), some, o.seed)...)
	}
	show := showerOn(stderr, terminal)
	results := play(jobs, show("scenarios", len(jobs)))
	b := newBook(results)
	var text, promises string
	if len(o.scs) > 0 {
		text = b.text(results[:shown])
	}
	if len(o.scenes) > 0 {
		promises = promiseReport(promise(o.scenes, o.processes, promising(), o.seed, show, "ordinary programs"), o.seed)
	}
	if o.out == "" || !whole {
		text += promises
	}
	if _, err := io.WriteString(stdout, text); err != nil {
		return err
	}
	if o.out == "" {
		return nil
	}
	var head []string
	var rows [][]string
	var alone, priorities string
	if whole {
		alone = besideReport(beside(o.seed, show), o.seed)
		priorities = priorityReport(o.seed, show)
		quick := slices.DeleteFunc(slices.Clone(o.scs), func(s *scenario) bool { return s.name == "C" })
		head, rows = sensitivity(quick, []int{10, 1000}, o.seed, show)
	}
	return write(o, map[string]string{
		"report.md":     report(o.scs, results, head, rows, o.seed),
		"ordinary.md":   promises,
		"alone.md":      alone,
		"priorities.md": priorities,
		"goodput.svg":   goodputPicture(b),
		"reset.svg":     resetPicture(b),
		"outage.svg":    outagePicture(b),
		"gate.svg":      gatePicture(b),
	})
}

// write writes the reports and their pictures.
func write(o options, files map[string]string) error {
	if err := os.MkdirAll(o.out, 0o750); err != nil {
		return err
	}
	for name, text := range files {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(o.out, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
