package main

import (
	"fmt"
	"strings"
)

// The colours used in all pictures of the project.
const (
	ink    = "#1f2937"
	pale   = "#6b7280"
	grid   = "#e5e7eb"
	ours   = "#1d4ed8"
	theirs = "#b91c1c"
	third  = "#b45309"
	limits = "#9ca3af"
	shade  = "#fef3c7"
)

// line is a curve: y over x, in x steps of one.
type line struct {
	name, colour string
	width        float64
	y            []float64
}

// panel is a diagram in a picture.
type panel struct {
	title              string
	left, top          float64 // of the frame
	width, height      float64
	from, to, step     float64 // range of x, and distance of its labels
	most, rise         float64 // largest y, and distance of the grid lines
	unit               float64 // x per step of a line
	shadeFrom, shadeTo float64 // equal for no shade
	label              func(x float64) string
	lines              []line
	quiet              bool    // no labels on the y axis
	level              float64 // y of a dashed line; 0 for none
}

func (p *panel) x(v float64) float64 {
	return p.left + p.width*min(max((v-p.from)/(p.to-p.from), 0), 1)
}
func (p *panel) y(v float64) float64 { return p.top + p.height*(1-min(max(v/p.most, 0), 1)) }

// draw draws the panel.
func (p *panel) draw(b *strings.Builder) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s" font-weight="600">%s</text>`+"\n", p.left, p.top-8, ink, p.title)
	if p.shadeTo > p.shadeFrom {
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n",
			p.x(p.shadeFrom), p.top, p.x(p.shadeTo)-p.x(p.shadeFrom), p.height, shade)
	}
	for v := 0.0; v <= p.most; v += p.rise {
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`, p.left, p.y(v), p.left+p.width, p.y(v), grid)
		if !p.quiet {
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s" text-anchor="end">%v</text>`, p.left-6, p.y(v)+4, pale, v)
		}
		b.WriteString("\n")
	}
	for v := p.from; v <= p.to; v += p.step {
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" fill="%s" text-anchor="middle">%s</text>`+"\n", p.x(v), p.top+p.height+16, pale, p.label(v))
	}
	if p.level > 0 {
		fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-dasharray="4 3"/>`+"\n", p.left, p.y(p.level), p.left+p.width, p.y(p.level), pale)
	}
	for _, l := range p.lines {
		p.curve(b, l)
	}
}

// curve draws the part of a line inside the panel.
func (p *panel) curve(b *strings.Builder, l line) {
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="%v" stroke-linejoin="round" points="`, l.colour, l.width)
	every := max(1, int((p.to-p.from)/p.unit/p.width)) // one point per pixel is enough
	for i, y := range l.y {
		if i%every != 0 {
			continue
		}
		if x := float64(i) * p.unit; x >= p.from && x <= p.to {
			fmt.Fprintf(b, "%.0f,%.1f ", p.x(x), p.y(y))
		}
	}
	b.WriteString(`"/>` + "\n")
}

// picture arranges panels under a heading.
func picture(width, height int, title, says string, legend []line, panels []*panel) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n", title)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="50" y="24" fill="%s" font-size="15" font-weight="600">%s</text>`+"\n", ink, title)
	fmt.Fprintf(&b, `<text x="50" y="42" fill="%s">%s</text>`+"\n", pale, says)
	x := 50.0
	for _, l := range legend {
		fmt.Fprintf(&b, `<line x1="%.1f" y1="58" x2="%.1f" y2="58" stroke="%s" stroke-width="%v"/>`, x, x+20, l.colour, l.width)
		fmt.Fprintf(&b, `<text x="%.1f" y="62" fill="%s">%s</text>`+"\n", x+26, ink, l.name)
		x += 50 + 7*float64(len(l.name))
	}
	for _, p := range panels {
		p.draw(&b)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// smooth returns the mean of each value and its neighbours, up to each on either side.
func smooth(y []float64, each int) []float64 {
	out := make([]float64, len(y))
	for i := range y {
		sum, n := 0.0, 0.0
		for j := max(0, i-each); j <= min(len(y)-1, i+each); j++ {
			sum += y[j]
			n++
		}
		out[i] = sum / n
	}
	return out
}

// inSeconds returns the label for an x value in seconds.
func inSeconds(x float64) string { return fmt.Sprintf("%.0f s", x) }
