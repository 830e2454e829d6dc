package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/codes"
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
		fmt.Printf("%-38d", n)
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
				var none float64
				var succ, per, herd, good float64
				seeds := []uint64{1, 2, 3, 4, 5, 6}
				never := 0
				for _, seed := range seeds {
					m := run(sc, n, hints, newReinvoke(tuned(), sc, n), seed)
					l := run(sc, n, hints, &omniscient{}, seed)
					if sc.quota == false {
						none += run(sc, n, hints, noRetry(n), seed).success() / 6
					}
					succ += m.success() / 6
					per += m.perSuccess() / 6
					herd += m.herd() / 6
					in := func(m *measures) (s float64) {
						for i := 0; i < int(sc.lasts.Seconds()); i++ {
							s += m.good[i]
						}
						return
					}
					good += in(m) / in(l) / 6
					if _, ok := m.recovery(); !ok {
						never++
					}
				}
				fmt.Printf("%.4f %.3f %4.1f %.4f n%d %.4f    ", succ, per, herd, good, never, none)
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
		set := func(x float64) bool {
			fmt.Sscan(v, &x)
			row := &c.Table[codes.Server]
			switch k {
			case "Start":
				c.Budget = policy.AttemptTimeoutBudget()
				c.Budget.Start = x
			case "Full":
				c.Budget.Start = x
			case "Base":
				row.Base = seconds(x)
			case "Max":
				row.Max = seconds(x)
			case "Mult":
				row.Multiplier = x
			case "Jitter":
				row.Jitter = policy.Jitter(x)
			case "QBase":
				c.Table[codes.Quota].Base = seconds(x)
			case "QMult":
				c.Table[codes.Quota].Multiplier = x
			case "QMax":
				c.Table[codes.Quota].Max = seconds(x)
			default:
				return false
			}
			return true
		}
		if set(0) {
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
