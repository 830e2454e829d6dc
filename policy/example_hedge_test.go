package policy_test

import (
	"fmt"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

func ExampleDecision_Hedging() {
	table := policy.Default()
	s := policy.State{Table: &table, Attempts: 1, Repeatable: true, Tokens: 100}
	for _, class := range []codes.Class{codes.Server, codes.Request} {
		hedging, wait := policy.Decide(s, codes.Failure{Class: class}, 0).Hedging()
		fmt.Println(class, hedging == policy.Next, hedging == policy.Fatal, wait)
	}
	// Output:
	// Server true false 0s
	// Request false true 0s
}

func ExampleDecision_FallsBack() {
	table := policy.Default()
	s := policy.State{Table: &table, Attempts: 1, Repeatable: true, Tokens: 100}
	for _, class := range []codes.Class{codes.Spent, codes.Auth} {
		fmt.Println(class, policy.Decide(s, codes.Failure{Class: class}, 0).FallsBack())
	}
	// Output:
	// Spent true
	// Auth false
}

func ExampleAttemptTimeoutBudget() {
	c := policy.AttemptTimeoutBudget()
	fmt.Println(c.Start, c.Earn)
	// Output: 1 0.1
}
