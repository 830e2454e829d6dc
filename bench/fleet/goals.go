package main

import "fmt"

// goal is a bound for our side, configured with Fleet().
type goal struct {
	sc    string
	hints bool
	n     int
	what  string
	// least or most is the bound. If than is set, the bound is added to the success of that
	// side.
	least, most float64
	than        string
}

// goals returns all goals.
func goals() (all []goal) {
	at := func(sc string, hints bool, n int, what string, least, most float64) {
		all = append(all, goal{sc: sc, hints: hints, n: n, what: what, least: least, most: most})
	}
	ns := []int{10, 1000, 100000}
	for _, n := range ns {
		at("A1", true, n, "goodput", 0.995, 0)
	}
	for _, sc := range []string{"A2", "A3"} {
		for i, n := range ns {
			requests := []float64{1.02, 1.3, 1.35}[i]
			if sc == "A3" && n == 100000 {
				requests = 3.6
			}
			at(sc, true, n, "success", 0.999, 0)
			at(sc, true, n, "requests", 0, requests)
			at(sc, true, n, "herd", 0, []float64{5, 5, 35}[i])
		}
	}
	for i, n := range ns {
		at("B3", false, n, "success", []float64{0.999, 0.98, 0.97}[i], 0)
		at("B4", false, n, "success", []float64{0.999, 0.99, 0.978}[i], 0)
	}
	for _, sc := range []string{"B1", "B2"} {
		at(sc, false, 10, "success", 0.99, 0)
		at(sc, false, 1000, "success", 0.935, 0)
		all = append(all, goal{sc: sc, n: 100000, what: "success", least: -0.002, than: noneName})
		for _, n := range ns {
			at(sc, false, n, "recovers", 1, 0)
		}
	}
	for _, n := range ns {
		at("C", false, n, "success", 0.9995, 0)
		at("C", false, n, "requests", 0, 1.04)
	}
	at("A1", false, 10, "success", 0.95, 0)
	for _, n := range []int{3000, 6000} { // 4 and 2 calls a minute each
		for _, sc := range []string{"A1", "A2", "A3", "B3", "B4"} {
			for _, hints := range []bool{true, false} {
				if hints == (sc[0] == 'A') || sc[0] == 'A' {
					all = append(all, goal{sc: sc, hints: hints, n: n, what: "success", than: gaxName})
				}
			}
		}
	}
	return all
}

// middling returns the sizes of fleets whose channels make 4 and 2 calls a minute.
func middling() []int { return []int{3000, 6000} }

// String names the goal.
func (g goal) String() string {
	s := g.sc
	switch {
	case g.sc[0] != 'A':
	case g.hints:
		s += " with RetryInfo"
	default:
		s += " without RetryInfo"
	}
	s += fmt.Sprintf(", n = %s: ", thousands(g.n))
	switch {
	case g.what == "recovers":
		return s + "recovers"
	case g.than != "" && g.least < 0:
		return s + fmt.Sprintf("success >= that of %s - %v", g.than, -g.least)
	case g.than != "":
		return s + "success >= that of " + g.than
	case g.most > 0:
		return s + fmt.Sprintf("%s <= %v", g.what, g.most)
	}
	return s + fmt.Sprintf("%s >= %v", g.what, g.least)
}

// check returns the figure, the bound, and whether the goal is met.
func (g goal) check(b book) (got, bound float64, met bool) {
	r, ok := b.find(g.sc, g.n, g.hints, fleetName)
	if !ok {
		return 0, 0, false
	}
	switch g.what {
	case "success":
		got = r.success()
	case "goodput":
		got = b.goodput(r)
	case "requests":
		got = r.perSuccess()
	case "herd":
		got = r.herd()
	case "recovers":
		if _, ok := r.recovery(); ok {
			got = 1
		}
	}
	bound = g.least
	if g.than != "" {
		other, _ := b.find(g.sc, g.n, g.hints, g.than)
		bound += other.success()
	}
	if g.most > 0 {
		return got, g.most, got <= g.most
	}
	return got, bound, got >= bound
}
