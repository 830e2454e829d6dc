// Package integration has tested examples of Reinvoke with packages outside the dependencies
// of the main module: the protos and clients of Vertex AI, and a circuit breaker. The examples
// are a separate module, so that users of Reinvoke download none of these packages.
package integration
