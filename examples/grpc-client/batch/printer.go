package batch

import (
	"fmt"
	"io"
	"slices"
)

// printer is a sink. Results are printed in the order of the prompts, each as
// soon as all before are printed.
type printer struct {
	to    io.Writer
	next  []int          // lines to be printed, in order
	ready map[int]Record // results behind a missing result
	fails int
	typed bool // each result has a type, like the other lines of -json
}

func newPrinter(to io.Writer, prompts []prompt, typed bool) *printer {
	p := &printer{to: to, typed: typed, ready: map[int]Record{}}
	for _, q := range prompts {
		p.next = append(p.next, q.line)
	}
	return p
}

func (p *printer) put(r Record) error {
	p.ready[r.Line] = r
	if r.Error != nil {
		p.fails++
	}
	for len(p.next) > 0 {
		r, ok := p.ready[p.next[0]]
		if !ok {
			return nil
		}
		if err := p.print(r); err != nil {
			return err
		}
		p.next = p.next[1:]
	}
	return nil
}

// close prints the results behind missing results.
func (p *printer) close() error {
	var lines []int
	for line := range p.ready {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	for _, line := range lines {
		if err := p.print(p.ready[line]); err != nil {
			return err
		}
	}
	return nil
}

// abandon prints nothing: the output is broken.
func (p *printer) abandon() {}

func (p *printer) failed() int { return p.fails }

func (p *printer) resumes() bool { return false }

func (p *printer) print(r Record) error {
	delete(p.ready, r.Line)
	if p.typed {
		r.Type = "result"
	}
	line, err := r.encode()
	if err == nil {
		_, err = p.to.Write(line)
	}
	if err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}
