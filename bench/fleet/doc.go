// Command fleet simulates fleets of clients that share a server which refuses,
// fails or slows down, in virtual time: what a retry policy does to the server, and
// what the calls get. `make fleet` runs it.
//
// Our side is the shipped code: policy.Decide, policy.Budget and policy/gate. What
// package interceptor does around them is written out again in ours.go, because
// there are no goroutines here; a test plays the same calls through the real
// interceptors and a real server and compares. The rivals are models, made after
// their documentation and sources with the figures that rivals.go names.
//
// What is not modelled: the network (requests and answers take no time but what the
// server takes), connections and their loss, several servers behind a name, and
// callers that call again when a call has failed.
package main
