// Package genairest tests package rest with the clients that the package is made for: the
// calls of google.golang.org/genai, retried by the rules for gRPC.
package genairest
