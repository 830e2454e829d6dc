package gapic

import (
	"fmt"
	"reflect"

	"github.com/googleapis/gax-go/v2"
)

// DisableRetry switches off a generated client's own retries. callOptions is the
// client's field CallOptions. The client's deadlines for its methods stay, and bound
// a call with all attempts. Call DisableRetry during set-up, before the first use of
// the client; repeated calls are harmless. Options of a single call, such as
// gax.WithRetry, still take precedence. DisableRetry panics if callOptions is
// anything else.
func DisableRetry(callOptions any) {
	for _, m := range methods("DisableRetry", callOptions) {
		if m.retries() {
			m.options.Set(reflect.Append(m.options, reflect.ValueOf(gax.WithRetry(nil))))
		}
	}
}

// Retries returns the names of the methods retried by a generated client itself, in
// the order of callOptions, the client's field CallOptions. After [DisableRetry] the
// list is empty, so that a program or a test can insist on a single layer of retries.
// Retries panics if callOptions is anything else.
func Retries(callOptions any) []string {
	var names []string
	for _, m := range methods("Retries", callOptions) {
		if m.retries() {
			names = append(names, m.name)
		}
	}
	return names
}

// method is the name and the options of a method.
type method struct {
	name    string
	options reflect.Value // a settable []gax.CallOption
}

// retries reports whether gax retries the method.
func (m method) retries() bool {
	var s gax.CallSettings
	for i := range m.options.Len() {
		if o, ok := m.options.Index(i).Interface().(gax.CallOption); ok { // not ok for nil
			o.Resolve(&s)
		}
	}
	return s.Retry != nil && s.Retry() != nil
}

// methods returns the methods in callOptions.
func methods(caller string, callOptions any) []method {
	v := reflect.ValueOf(callOptions)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("gapic: %s: %T: want the field CallOptions of a generated client", caller, callOptions))
	}
	var all []method
	for field, value := range v.Elem().Fields() {
		if field.IsExported() && field.Type == reflect.TypeFor[[]gax.CallOption]() {
			all = append(all, method{field.Name, value})
		}
	}
	if len(all) == 0 {
		panic(fmt.Sprintf("gapic: %s: %T: no field of type []gax.CallOption: want the field CallOptions of a generated client", caller, callOptions))
	}
	return all
}
