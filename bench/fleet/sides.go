package main

import "github.com/reinvoke/reinvoke/policy"

// side is a client library, or a configuration of ours.
type side struct {
	name, says string
	make       func(sc *scenario, n int) strategy
}

// The names of our sides, and of sides used for comparison.
const (
	fleetName   = "Reinvoke Fleet()"
	defaultName = "Reinvoke Default()"
	aloneName   = "Default() without gate"
	limitName   = "limit"
	noneName    = "no retries"
	gaxName     = "gax"
	mwName      = "go-grpc-middleware"
)

// configured returns our side with a configuration.
func configured(c policy.Config) func(*scenario, int) strategy {
	return func(sc *scenario, n int) strategy { return newReinvoke(c, sc, n) }
}

// sides returns the limit, our sides and the rivals.
func sides() []side {
	rival := func(f func(int) strategy) func(*scenario, int) strategy {
		return func(_ *scenario, n int) strategy { return f(n) }
	}
	alone := policy.DefaultConfig()
	alone.Gate = policy.GateConfig{}
	return []side{
		{limitName, "one scheduler that knows when the server has room", func(*scenario, int) strategy { return &omniscient{} }},
		{fleetName, "policy.FleetConfig(): the table for fleets, both halves of the gate", configured(policy.FleetConfig())},
		{defaultName, "policy.DefaultConfig(): the gate closes for hints", configured(policy.DefaultConfig())},
		{aloneName, "every call finds out by itself", configured(alone)},
		{noneName, "one attempt", rival(noRetry)},
		{mwName, "retry: 3 attempts, linear 50 ms +-10 %", rival(middleware(false))},
		{"middleware, exponential", "retry: 3 attempts, 50 ms x2 +-10 %", rival(middleware(true))},
		{"grpc", "gRFC A6: 4 attempts, 0.1 s x2 to 1 s, +-20 %", rival(serviceConfig(false))},
		{"grpc, throttled", "the same with retryThrottling (10, 0.1)", rival(serviceConfig(true))},
		{gaxName, "full jitter, 1 s x2 to 30 s, until the deadline", rival(gax)},
		{"failsafe-go", "2 retries, no delay", rival(failsafe)},
		{"AWS standard", "3 attempts, full jitter from 50 ms (throttled: 1 s) to 20 s, 500 tokens, hints up to 5 s", rival(awsStandard)},
		{"AWS adaptive", "the same behind a CUBIC limit on the rate", rival(awsAdaptive)},
		{"circuit breaker", "opens for 60 s after 6 failures in a row, no retries", rival(breaker)},
		{"SRE throttling", "K = 2, 2 min, before grpc's retries", rival(throttling)},
	}
}
