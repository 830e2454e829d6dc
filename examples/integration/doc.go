// Package integration has tested examples of Reinvoke together with what its
// own module does not depend on: the protos and clients of Vertex AI, and a circuit breaker. It is a
// module of its own, so that no one who uses Reinvoke downloads them.
package integration
