// Package google makes targets for Gemini and Vertex AI: other models, regions and tiers
// that a call may go to when its own has no room.
//
//	interceptor.DialOptions(interceptor.WithTargets(google.Models("models/gemini-2.5-flash", "models/gemini-2.5-flash-lite")...))
//	interceptor.DialOptions(interceptor.WithTargets(google.Regions(map[string]grpc.ClientConnInterface{"us-east1": east, "us-west1": west})...))
//
// The targets serve calls over gRPC, unary calls and streams, and calls over REST with
// package rest. They work by the names of fields and headers, and need no generated client.
// Targets are made once and shared by all calls; they are safe for concurrent use.
//
// An answer of another model or region is another answer: list only what the program can
// use, and only regions where the data may be processed. No call leaves the list.
package google
