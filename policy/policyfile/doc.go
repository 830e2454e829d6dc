// Package policyfile keeps a [policy.Config] in a file: YAML, JSON, or the JSON
// of a gRPC service config.
//
// [LoadFile] reads a file, and reports for every fault the line and the expected
// value. [Marshal] writes a configuration as a file. [Watch] follows a file, for a
// connection with interceptor.WithLive. [FromServiceConfig] reads the
// configuration format of gRPC and of Google's clients, and [ReadServiceConfig]
// also reports the ignored parts.
//
// A file contains only the differences from policy.DefaultConfig, or, with "base:
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
// The sections and fields are those of [policy.Config], documented there.
// Durations are written as in Go, "1m30s". The rows of a method start as copies of
// the rows in the main table. If several patterns match a method, only the longest
// counts. A row may be the word never.
package policyfile
