// Command fleet simulates fleets of clients sharing a server that refuses, fails
// or slows down, in virtual time: the effect of a retry policy on the server, and
// the results of the calls. `make fleet` runs it.
//
// Our side is the shipped code: policy.Decide, policy.Budget and policy/gate. The
// code of package interceptor around these is written again in ours.go, because
// there are no goroutines here; a test compares both by playing the same calls
// through the real interceptors and a real server. The rivals are models, built
// from their documentation and sources with the figures named in rivals.go.
//
// Not modelled are the network (requests and answers take only the server's time),
// connections and their loss, several servers behind a name, and callers repeating
// a failed call.
package main
