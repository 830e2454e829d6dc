package policy_test

import (
	"fmt"
	"time"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

// Share a budget between all connections to a service.
func ExampleBudget() {
	budget, err := policy.NewBudget(policy.BudgetConfig{Max: 2, Start: 2, Earn: 0.5})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(budget.Take(policy.Tokens), budget.Take(policy.Tokens), budget.Take(policy.Tokens))
	budget.Success() // half a token
	budget.Success() // and the other half
	fmt.Println(budget.Take(policy.Tokens))
	budget.Return(policy.Tokens) // the wait was cancelled
	fmt.Println(budget.Held())
	// Output:
	// true true false
	// true
	// 1 0
}

func ExampleDefaultBudget() {
	c := policy.DefaultBudget()
	fmt.Printf("%v of %v tokens, %v for each success\n", c.Start, c.Max, c.Earn)
	// Output: 100 of 100 tokens, 1 for each success
}

func ExampleBudgetConfig_Validate() {
	fmt.Println(policy.BudgetConfig{Max: 10, Start: 20}.Validate())
	// Output: policy: budget: start 20: want 0 to max 10
}

func ExampleNewBudget() {
	_, err := policy.NewBudget(policy.BudgetConfig{Max: -1})
	fmt.Println(err)
	budget, err := policy.NewBudget(policy.DefaultBudget())
	fmt.Println(err)
	fmt.Println(budget.Held())
	// Output:
	// policy: budget: max -1: want 0 to 1e9
	// <nil>
	// 100 0
}

func ExampleAccount() {
	fmt.Println(policy.Free, policy.Tokens, policy.Earned)
	// Output: Free Tokens Earned
}

func ExampleLimits_Validate() {
	fmt.Println(policy.Limits{MaxAttempts: -1}.Validate())
	// Output: policy: max attempts -1: want >= 1, or 0 for the default
}

func ExampleLimits_Or() {
	call := policy.Limits{MaxAttempts: 2}
	connection := policy.Limits{MaxAttempts: 5, MaxElapsed: time.Minute}
	limits := call.Or(connection)
	fmt.Println(limits.MaxAttempts, limits.MaxElapsed)
	// Output: 2 1m0s
}

func ExampleLimits_Effective() {
	table := policy.Default()
	table[codes.Server].Retries = 10
	limits := policy.Limits{MaxElapsed: time.Minute}.Effective(&table)
	fmt.Println(limits.MaxAttempts, limits.MaxElapsed, limits.MaxServerDelay)
	// Output: 11 1m0s 5m0s
}

func ExampleDefaultConfig() {
	c := policy.DefaultConfig()
	fmt.Println(c.Table[codes.Quota])
	fmt.Println(c.Validate())
	// Output:
	// 2 retries, 5 s to 120 s, x3
	// <nil>
}

func ExampleConfig_Validate() {
	c := policy.DefaultConfig()
	c.Limits.MaxAttempts = 5
	c.Methods = []policy.Method{
		{Pattern: "/library.Books/Get*", Rows: map[codes.Class]policy.Policy{codes.Server: {Retries: -1}}},
		{Pattern: "library.Books"},
	}
	fmt.Println(c.Validate())
	// Output:
	// policy: Network: retries 5: want <= 4 with max attempts 5
	// policy: Timeout: retries 5: want <= 4 with max attempts 5
	// policy: method /library.Books/Get*: Server: retries -1: want >= 0
	// policy: method pattern "library.Books": want "/package.Service/Method", "/package.Service/*" or "/package.*"
}

func ExampleConfig_Method() {
	c := policy.Config{Methods: []policy.Method{
		{Pattern: "/library.*"},
		{Pattern: "/library.Books/*"},
	}}
	fmt.Println(c.Method("/library.Books/Get").Pattern)
	fmt.Println(c.Method("/library.Readers/Get").Pattern)
	fmt.Println(c.Method("/music.Songs/Get") == nil)
	// Output:
	// /library.Books/*
	// /library.*
	// true
}

func ExampleLive() {
	live, err := policy.NewLive(policy.DefaultConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	next := policy.DefaultConfig()
	next.Table[codes.Server].Retries = 1
	fmt.Println(live.Store(next))
	fmt.Println(live.Load().Table[codes.Server])

	next.Table[codes.Server].Retries = -1 // refused: what is in force stays
	fmt.Println(live.Store(next))
	fmt.Println(live.Load().Table[codes.Server])
	// Output:
	// <nil>
	// 1 retry, 2 s to 30 s, x2
	// policy: Server: retries -1: want >= 0
	// 1 retry, 2 s to 30 s, x2
}

func ExampleNewLive() {
	_, err := policy.NewLive(policy.Config{Limits: policy.Limits{MaxElapsed: -time.Second}})
	fmt.Println(err)
	// Output: policy: max elapsed -1s: want > 0s, or 0s for the default
}

func ExampleMatchPattern() {
	fmt.Println(policy.MatchPattern("/library.Books/*", "/library.Books/Get"))
	fmt.Println(policy.MatchPattern("/library.Books/Get", "/library.Books/GetAll"))
	// Output:
	// true
	// false
}

func ExampleValidatePattern() {
	fmt.Println(policy.ValidatePattern("/library.Books/Get"))
	fmt.Println(policy.ValidatePattern("/library.Books"))
	// Output:
	// <nil>
	// policy: method pattern "/library.Books": want "/package.Service/Method", "/package.Service/*" or "/package.*"
}

// A method's own name counts before a pattern that ends in a star.
func ExampleMoreSpecific() {
	fmt.Println(policy.MoreSpecific("/shop.v1.Orders/Get", "/shop.v1.Orders/*"))
	// Output: true
}
