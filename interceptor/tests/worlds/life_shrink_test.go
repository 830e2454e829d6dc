package worlds_test

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// shrinkLife deletes choices of a world as long as fails says that it still fails,
// which it may be asked so many times.
func shrinkLife(w *lifeWorld, tries int, fails func(*lifeWorld) bool) *lifeWorld {
	w = cloneOf(w)
	for again := true; again; {
		again = false
		for i := 0; tries > 0; i++ {
			n := i
			next := cloneOf(w)
			if !deleteIn(reflect.ValueOf(next).Elem(), &n) {
				break
			}
			tries--
			if fails(next) {
				w, again = next, true
				i-- // the next choice has its number now
			}
		}
		if tries <= 0 {
			break
		}
	}
	return w
}

// deleteIn deletes choice n of v, counted from 0, and reports whether there was one.
// Else it subtracts from n how many there are.
func deleteIn(v reflect.Value, n *int) bool {
	switch v.Kind() {
	case reflect.Struct:
		for i := v.NumField() - 1; i >= 0; i-- { // the calls are the last field
			if v.Type().Field(i).Name != "Seed" && deleteIn(v.Field(i), n) {
				return true
			}
		}
		return false
	case reflect.Slice:
		for i := range v.Len() {
			if *n--; *n < 0 {
				v.Set(reflect.AppendSlice(v.Slice(0, i), v.Slice(i+1, v.Len())))
				if v.Len() == 0 {
					v.SetZero()
				}
				return true
			}
		}
		for i := range v.Len() {
			if deleteIn(v.Index(i), n) {
				return true
			}
		}
		return false
	default:
		if v.IsZero() {
			return false
		}
		if *n--; *n < 0 {
			v.SetZero()
			return true
		}
		return false
	}
}

// cloneOf returns a copy that shares nothing.
func cloneOf(w *lifeWorld) *lifeWorld {
	next := *w
	unshare(reflect.ValueOf(&next).Elem())
	return &next
}

func unshare(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			unshare(v.Field(i))
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		v.Set(own)
		for i := range v.Len() {
			unshare(v.Index(i))
		}
	default:
	}
}

// String returns the choices of the world that are not the default, as a Go value.
func (w *lifeWorld) String() string {
	var b strings.Builder
	b.WriteString("lifeWorld")
	describe(&b, reflect.ValueOf(w).Elem(), "\t")
	return b.String()
}

func describe(b *strings.Builder, v reflect.Value, indent string) {
	switch v.Kind() {
	case reflect.Struct:
		b.WriteString("{")
		first := true
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				continue
			}
			if !first {
				b.WriteString(", ")
			}
			first = false
			b.WriteString(v.Type().Field(i).Name + ": ")
			describe(b, v.Field(i), indent+"\t")
		}
		b.WriteString("}")
	case reflect.Slice:
		kind := v.Type().Elem()
		b.WriteString("[]" + kind.Name() + "{")
		for i := range v.Len() {
			if kind.Kind() == reflect.Struct && kind.NumField() > 6 {
				b.WriteString("\n" + indent)
			} else if i > 0 {
				b.WriteString(", ")
			}
			describe(b, v.Index(i), indent)
			if kind.Kind() == reflect.Struct && kind.NumField() > 6 {
				b.WriteString(",")
			}
		}
		b.WriteString("}")
	case reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	case reflect.Int64:
		if v.Type() == reflect.TypeFor[time.Duration]() {
			fmt.Fprintf(b, "%d /* %v */", v.Int(), time.Duration(v.Int()))
			return
		}
		fmt.Fprint(b, v.Interface())
	case reflect.Uint32: // a code, whose name is no Go
		fmt.Fprintf(b, "%d /* %v */", v.Uint(), v.Interface())
	default:
		fmt.Fprint(b, v.Interface())
	}
}
