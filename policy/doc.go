// Package policy decides whether to retry a failed attempt, after how long, and
// why.
//
// [Decide] makes this decision: a pure function of a [State], a codes.Failure
// and a random number. The inputs are a [Table] with one [Policy] row per class
// of failure (start from [Default]), the [Limits] of a call, and the tokens of a
// [Budget]. A [Config] gathers these settings for a connection, and [Live] holds
// the Config in force.
//
// The package reads no clock, does no I/O and draws no random numbers: times and
// random numbers are arguments, so that equal arguments give equal answers.
// Values are safe to copy and to share for reading. [Budget] and [Live] are safe
// for concurrent use and must not be copied.
package policy
