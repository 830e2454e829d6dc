// Package policy decides what to do about a failed attempt: retry it or not,
// after how long, and why.
//
// [Decide] is that decision as one pure function of a [State], a
// codes.Failure and a number from the dice. The rest is what it reads: a
// [Table] with one [Policy] row per class of failure ([Default] is the one to
// start from), the [Limits] of a call, and the tokens of a [Budget]. A
// [Config] gathers them for a connection, and [Live] holds the Config in
// force.
//
// The package has no clock, does no I/O and throws no dice: times and random
// numbers come in as arguments, so that equal arguments give equal answers.
// Values are safe to copy and to share for reading; [Budget] and [Live] are
// safe for concurrent use and must not be copied.
package policy
