// Package codes classifies failed gRPC attempts.
//
// [Classify] takes an error and the [Evidence] left behind by the attempt. The result
// is a [Failure]: its [Class] (the kind of failure), its [Reach] (how far the attempt
// got), the delay asked for by the server, and the name of the deciding rule. Package
// policy decides the reaction.
//
// Classification is a table of [Rule] rows, each with its source. The rows are tried
// in this order: the caller's own rows, limits on message sizes, signs of a permanent
// failure, failures of grpc-go's own, signs of a transient failure, the status code.
// Message text is matched in two sets of files only: rules_grpc*.go for the texts of
// grpc-go, rules_google*.go for those of Google's services. Every match is anchored
// at the beginning of the text, at its end or at word boundaries.
//
// The package is pure: no clock, no I/O, no global state. All functions are safe for
// concurrent use. The package exports no name of google.golang.org/grpc/codes, so
// that importing the wrong one of the two does not compile.
package codes
