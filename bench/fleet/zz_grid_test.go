package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/policy"
)

func TestZZGrid(t *testing.T) {
	if os.Getenv("GRID") == "" {
		t.Skip()
	}
	ns := []int{10, 100, 1000, 4000, 100000}
	if v := os.Getenv("NS"); v != "" {
		ns = nil
		for _, f := range strings.Split(v, ",") {
			var n int
			fmt.Sscan(f, &n)
			ns = append(ns, n)
		}
	}
	fmt.Printf("%-10s", "")
	for _, n := range ns {
		fmt.Printf("%-32d", n)
	}
	fmt.Println()
	for _, sc := range scenarios() {
		if v := os.Getenv("SC"); v != "" && !strings.Contains(","+v+",", ","+sc.name+",") {
			continue
		}
		for _, hints := range []bool{true, false} {
			if !hints && !sc.quota {
				continue
			}
			fmt.Printf("%-4s%-6v", sc.name, hints)
			for _, n := range ns {
				var succ, per, herd, good float64
				seeds := []uint64{1, 2, 3}
				never := 0
				for _, seed := range seeds {
					m := run(sc, n, hints, newReinvoke(tuned(), sc, n), seed)
					l := run(sc, n, hints, &omniscient{}, seed)
					succ += m.success() / 3
					per += m.perSuccess() / 3
					herd += m.herd() / 3
					in := func(m *measures) (s float64) {
						for i := 0; i < int(sc.lasts.Seconds()); i++ {
							s += m.good[i]
						}
						return
					}
					good += in(m) / in(l) / 3
					if _, ok := m.recovery(); !ok {
						never++
					}
				}
				fmt.Printf("%.4f %.3f %4.1f %.4f n%d     ", succ, per, herd, good, never)
			}
			fmt.Println()
		}
	}
}

// tuned reads FIELD=value pairs from SET for the gate.
func tuned() policy.Config {
	c := policy.FleetConfig()
	for _, kv := range strings.Split(os.Getenv("SET"), ",") {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			continue
		}
		f := reflect.ValueOf(&c.Gate).Elem().FieldByName(k)
		switch f.Interface().(type) {
		case time.Duration:
			d, err := time.ParseDuration(v)
			if err != nil {
				panic(err)
			}
			f.SetInt(int64(d))
		case float64:
			var x float64
			fmt.Sscan(v, &x)
			f.SetFloat(x)
		case int:
			var x int
			fmt.Sscan(v, &x)
			f.SetInt(int64(x))
		}
	}
	return c
}
