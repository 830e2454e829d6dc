// Package policyfile keeps a [policy.Config] in a file: YAML, JSON, or the JSON
// of a gRPC service config.
//
// [LoadFile] reads one, and says of everything that is wrong in which line it
// stands and what was expected. [Marshal] writes the file that gives a
// configuration. [Watch] follows a file, for a connection with
// interceptor.WithLive. [FromServiceConfig] reads what gRPC itself and Google's
// clients are configured with, and [ReadServiceConfig] says what of it counts for nothing.
//
// A file says only what differs from policy.DefaultConfig, or, with "base:
// fleet", from policy.FleetConfig:
//
//	base: fleet
//	table:
//	  Quota: {retries: 4, max: 60s}  # the other fields of the row stay
//	  Other: never
//	limits:
//	  maxElapsed: 5m
//	budget: {max: 50, start: 50}
//	gate: {maxWait: 30s}
//	methods:
//	  - pattern: /shop.v1.Catalog/*
//	    repeatable: true
//	    timeout: 20s                 # of the call with all its attempts
//	    hedge: {delay: 200ms, attempts: 2}
//	  - pattern: /shop.v1.Orders/Place
//	    codes: [UNAVAILABLE]         # that alone are retried
//	    table:
//	      Server: {retries: 1}
//
// The sections and their fields are those of [policy.Config] and its parts, which
// say what they mean. Durations are written as Go does, "1m30s". The rows of a
// method begin as those of the table above them. Where several patterns match a
// method, the longest section alone counts. A row may be the word never.
package policyfile
