package main

import (
	"context"
	"fmt"
	"html"
	"math"
	"os"
	"strings"
	"time"
)

// The measures of the picture, in pixels.
const (
	cell    = 12 // a third of the width of a column of Grafana's grid
	rowOf   = 24 // the height of a row of the grid
	margin  = 34
	legend  = 13
	heading = 20
	// longName is the longest name, in bytes, for a legend of three columns.
	longName = 15
)

// colours returns the colours of the lines, different in brightness too.
func colours() []string {
	return []string{"#1f77b4", "#d62728", "#2ca02c", "#ff9900", "#7b3fa0", "#5c4033", "#e377c2", "#555555", "#9aa800", "#17a2b8"}
}

// draw draws the panels of the dashboard over a history.
func draw(ctx context.Context, h *history, path string) error {
	d, err := readDashboard(dashboardFile)
	if err != nil {
		return err
	}
	var b strings.Builder
	height := 0
	for _, p := range d.Panels {
		height = max(height, (p.GridPos.Y+p.GridPos.H)*rowOf)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="10">`+"\n", 24*cell*3, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#f4f5f5"/>`+"\n")
	engine := newEngine()
	for _, p := range d.Panels {
		lines, err := h.evaluate(ctx, engine, p, time.Second)
		if err != nil {
			return err
		}
		drawPanel(&b, p, lines)
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// drawPanel draws a panel with its title, axes, lines and legend.
func drawPanel(b *strings.Builder, p panel, lines []line) {
	x, y := float64(p.GridPos.X*cell*3+4), float64(p.GridPos.Y*rowOf+4)
	w, h := float64(p.GridPos.W*cell*3-8), float64(p.GridPos.H*rowOf-8)
	fmt.Fprintf(b, `<rect x="%g" y="%g" width="%g" height="%g" rx="3" fill="#fff" stroke="#ddd"/>`+"\n", x, y, w, h)
	fmt.Fprintf(b, `<text x="%g" y="%g" font-size="11" font-weight="bold">%s</text>`+"\n", x+8, y+15, html.EscapeString(p.Title))
	columns := 3
	for _, l := range lines {
		if len(short(l.name)) > longName {
			columns = 2
		}
	}
	rows := (len(lines) + columns - 1) / columns
	left, top := x+margin, y+heading+6
	width, bottom := w-margin-10, y+h-float64(rows*legend)-18
	from, to, most := extent(lines)
	if len(lines) == 0 || to == from {
		fmt.Fprintf(b, `<text x="%g" y="%g" fill="#888">nothing</text>`+"\n", left, (top+bottom)/2)
		return
	}
	for i := range 3 {
		value := most * float64(i) / 2
		at := bottom - (bottom-top)*float64(i)/2
		fmt.Fprintf(b, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f" stroke="#eee"/>`, left, left+width, at, at)
		fmt.Fprintf(b, `<text x="%g" y="%.1f" text-anchor="end" fill="#666">%s</text>`+"\n", left-4, at+3, format(value, p.FieldConfig.Defaults.Unit))
	}
	for i, l := range lines {
		colour := colours()[i%len(colours())]
		var path []string
		for _, point := range l.points {
			if math.IsNaN(point.F) {
				continue
			}
			px := left + width*float64(point.T-from)/float64(to-from)
			py := bottom - (bottom-top)*point.F/most
			path = append(path, fmt.Sprintf("%.1f,%.1f", px, py))
		}
		fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>`+"\n", colour, strings.Join(path, " "))
		lx, ly := x+10+float64(i%columns)*(w-16)/float64(columns), bottom+26+float64(i/columns*legend)
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="8" height="3" fill="%s"/><text x="%.1f" y="%.1f" fill="#333">%s</text>`+"\n",
			lx, ly-4, colour, lx+12, ly, html.EscapeString(short(l.name)))
	}
	fmt.Fprintf(b, `<text x="%g" y="%.1f" fill="#666">0 s</text><text x="%g" y="%.1f" text-anchor="end" fill="#666">%d s</text>`+"\n",
		left, bottom+12, left+width, bottom+12, (to-from)/1000)
}

// extent returns the first and the last time, and a round number for the top of the axis.
func extent(lines []line) (from, to int64, most float64) {
	from = math.MaxInt64
	for _, l := range lines {
		for _, p := range l.points {
			from, to = min(from, p.T), max(to, p.T)
			if !math.IsNaN(p.F) && !math.IsInf(p.F, 0) {
				most = max(most, p.F)
			}
		}
	}
	return from, to, roundUp(most)
}

// roundUp returns the next number of 1, 2, 5, 10 and so on.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5, 10} {
		if f*power >= v*0.9999 {
			return f * power
		}
	}
	return 10 * power
}

// format writes a value with a unit, given by its name in Grafana.
func format(v float64, unit string) string {
	switch unit {
	case "percentunit":
		return fmt.Sprintf("%.3g %%", v*100)
	case "s":
		return fmt.Sprintf("%.3g s", v)
	case "reqps", "ops":
		return fmt.Sprintf("%.3g/s", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// short returns the method of a name, shortened to fit into the legend.
func short(name string) string {
	const most = 24
	name = name[strings.LastIndex(name, "/")+1:]
	if len(name) > most {
		return name[:most] + "..."
	}
	return name
}
