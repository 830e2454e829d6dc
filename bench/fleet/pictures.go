package main

import "fmt"

// goodputLine returns the successes per second of a run.
func (b book) goodputLine(sc string, n int, side, name, colour string, width float64) line {
	l := line{name: name, colour: colour, width: width}
	if r, ok := b.find(sc, n, false, side); ok {
		l.y = smooth(r.good, 2)
	}
	return l
}

// outagePicture is the README's picture of an outage of 30 s with attempt timeouts.
func outagePicture(b book) string {
	const sc, n = "B1", 1000
	lines := []line{
		b.goodputLine(sc, n, limitName, "what is possible", limits, 1.5),
		b.goodputLine(sc, n, gaxName, "Google's clients (gax)", theirs, 2),
		b.goodputLine(sc, n, mwName, "go-grpc-middleware", third, 2),
		b.goodputLine(sc, n, fleetName, "Reinvoke, Fleet()", ours, 2.5),
	}
	p := &panel{
		title: "calls that succeed in a second", left: 50, top: 96, width: 790, height: 170, from: 30, to: 248, step: 30, most: 250, rise: 50, unit: 1,
		shadeFrom: 60, shadeTo: 90, label: inSeconds, lines: lines,
	}
	return picture(860, 300, "1,000 clients through an outage of 30 s (shaded)",
		"160 calls a second to a server that takes 200; attempts are given up after 2 s and retried, calls after 60 s (bench/fleet, scenario B1)", lines, []*panel{p})
}

// goodputPicture has one panel per rival, in two outages.
func goodputPicture(b book) string {
	var panels []*panel
	names := sides()[3:]
	row := 0
	for _, sc := range []string{"B1", "B3"} {
		for _, n := range []int{10, 1000} {
			for i, s := range names {
				col := i % 4
				panels = append(panels, &panel{
					title: fmt.Sprintf("%s, n = %s: %s", sc, thousands(n), s.name), left: 50 + float64(col)*270, top: 96 + float64(row+i/4)*124,
					width: 240, height: 80, from: 30, to: 225, step: 60, most: 250, rise: 125, unit: 1, shadeFrom: 60, shadeTo: 90, label: inSeconds, quiet: col > 0,
					lines: []line{
						b.goodputLine(sc, n, limitName, "", limits, 1), b.goodputLine(sc, n, s.name, "", theirs, 1.5),
						b.goodputLine(sc, n, fleetName, "", ours, 2),
					},
				})
			}
			row += (len(names) + 3) / 4
		}
	}
	legend := []line{{name: fleetName, colour: ours, width: 2}, {name: "the library named above", colour: theirs, width: 1.5}, {name: limitName, colour: limits, width: 1}}
	return picture(1130, 96+row*124, "Calls that succeed in a second, through an outage of 30 s (shaded)",
		"B1: attempts are given up after 2 s; B3: they are not", legend, panels)
}

// resetPicture shows the herd at the reset of a quota.
func resetPicture(b book) string {
	var panels []*panel
	shown := []string{fleetName, aloneName, gaxName, "grpc"}
	for row, n := range []int{1000, 100000} {
		for col, name := range shown {
			l := line{colour: theirs, width: 1}
			if name == fleetName {
				l.colour = ours
			}
			if r, ok := b.find("A2", n, true, name); ok {
				l.y = r.asked
			}
			panels = append(panels, &panel{
				title: fmt.Sprintf("n = %s: %s", thousands(n), name), left: 60 + float64(col)*268, top: 96 + float64(row)*170, width: 236, height: 120,
				from: 175, to: 197, step: 5, most: 700, rise: 100, unit: 0.1, shadeFrom: 175, shadeTo: 180, quiet: col > 0,
				label: func(x float64) string { return fmt.Sprintf("%+.0f s", x-180) }, lines: []line{l}, level: 20,
			})
		}
	}
	return picture(1130, 96+2*170, "Requests in 100 ms when a quota of a minute is filled anew",
		"A2 with RetryInfo: the quota was spent 30 s before (shaded: the last 5 s), and 12,000 calls were told to come back at 0 s; dashed: what the quota lets in", nil, panels)
}

// gatePicture is the README's picture of the requests to the server while a quota is out.
func gatePicture(b book) string {
	const sc, n = "A2", 1000
	asked := func(side, name, colour string, width float64) line {
		l := line{name: name, colour: colour, width: width}
		if r, ok := b.find(sc, n, true, side); ok {
			l.y = perSecond(r.asked)
		}
		return l
	}
	lines := []line{
		asked(gaxName, "Google's clients (gax)", theirs, 2),
		asked(aloneName, "Reinvoke without its gate", third, 2),
		asked(defaultName, "Reinvoke", ours, 2.5),
	}
	p := &panel{
		title: "requests in a second", left: 60, top: 96, width: 780, height: 190, from: 100, to: 280, step: 20, most: 1500, rise: 250, unit: 1,
		shadeFrom: 150, shadeTo: 180, label: inSeconds, lines: lines, level: 200,
	}
	return picture(860, 320, "1,000 clients and a quota of 200 calls a second, counted by the minute",
		"400 calls a second from 120 s to 180 s, 100 before and after; the quota is out where it is shaded; dashed: what it takes (bench/fleet, scenario A2)", lines, []*panel{p})
}

// perSecond adds up counts per 100 ms to counts per second.
func perSecond(asked []float64) []float64 {
	all := make([]float64, len(asked)/10)
	for i := range all {
		for _, n := range asked[10*i : 10*i+10] {
			all[i] += n
		}
	}
	return all
}
