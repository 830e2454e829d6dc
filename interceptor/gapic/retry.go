package gapic

import (
	"fmt"
	"reflect"

	"github.com/googleapis/gax-go/v2"
)

// DisableRetry switches off the retries that a generated client makes by itself.
// callOptions is its field CallOptions. The deadlines that it gives its methods stay,
// and bound a call with all its attempts. It is for the set-up of a program, before
// the client is used, and may be called again; options given to a single call, such as
// gax.WithRetry, still count more. It panics if callOptions is something else.
func DisableRetry(callOptions any) {
	for _, m := range methods("DisableRetry", callOptions) {
		if m.retries() {
			m.options.Set(reflect.Append(m.options, reflect.ValueOf(gax.WithRetry(nil))))
		}
	}
}

// Retries returns the names of the methods that a generated client retries by itself,
// in the order of its CallOptions: none after [DisableRetry]. A program or a test can
// so insist on a single layer of retries. It panics if callOptions is something else
// than the field CallOptions of a client.
func Retries(callOptions any) []string {
	var names []string
	for _, m := range methods("Retries", callOptions) {
		if m.retries() {
			names = append(names, m.name)
		}
	}
	return names
}

// method is the options of a method.
type method struct {
	name    string
	options reflect.Value // a []gax.CallOption that can be set
}

// retries reports whether gax makes further attempts.
func (m method) retries() bool {
	var s gax.CallSettings
	for i := range m.options.Len() {
		if o, ok := m.options.Index(i).Interface().(gax.CallOption); ok { // else nil
			o.Resolve(&s)
		}
	}
	return s.Retry != nil && s.Retry() != nil
}

// methods returns the methods of a client.
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
