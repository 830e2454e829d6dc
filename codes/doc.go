// Package codes tells what happened to a failed gRPC attempt.
//
// [Classify] takes an error and the [Evidence] that the attempt left behind
// and returns a [Failure]: its [Class] (what kind of trouble it was), its
// [Reach] (how far the attempt got), how long the server asked to wait, and
// the name of the rule that decided. What to do about it is for package
// policy to say.
//
// Classification is a table of [Rule] rows tried in order, each with its
// source: the caller's own rows, limits on message sizes, signs that the
// failure is permanent, signs that it is transient, and at last the status
// code. Message text is matched in the files rules_grpc*.go, for the strings of
// grpc-go, and rules_google*.go, for those of Google's services, only, and always
// anchored at its beginning, its end or at word boundaries.
//
// The package is pure: no clock, no I/O, no global state. All its functions
// are safe for concurrent use. It exports no name that
// google.golang.org/grpc/codes exports, so that importing the wrong one of
// the two does not compile.
package codes
