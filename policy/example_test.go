package policy_test

import (
	"fmt"
	"time"

	grpccodes "google.golang.org/grpc/codes"

	"github.com/reinvoke/reinvoke/codes"
	"github.com/reinvoke/reinvoke/policy"
)

func ExampleDefault() {
	fmt.Print(policy.Default())
	// Output:
	// class     retries  delays        multiplier  jitter  waits
	// Quota     2        5 s to 120 s  x3          Above   5-7.5 s, 15-22.5 s
	// Spent     never
	// Server    3        2 s to 30 s   x2          Above   2-3 s, 4-6 s, 8-12 s
	// Network   5        1 s to 60 s   x2          Above   1-1.5 s, 2-3 s, 4-6 s, 8-12 s, 16-24 s
	// Timeout   5        1 s to 60 s   x2          Above   1-1.5 s, 2-3 s, 4-6 s, 8-12 s, 16-24 s
	// Auth      never
	// Expired   1        none
	// Request   never
	// Conflict  never
	// Other     3        1 s to 30 s   x2          Above   1-1.5 s, 2-3 s, 4-6 s
	// Ended     never
}

// A table is plain data: change a row, and leave the others as they are.
func ExampleTable() {
	table := policy.Default()
	table[codes.Conflict] = policy.Policy{Retries: 1, Base: time.Second, Max: 2 * time.Second, Multiplier: 2}
	fmt.Println(table[codes.Conflict])
	fmt.Println(policy.Default()[codes.Conflict])
	// Output:
	// 1 retry, 1 s to 2 s, x2
	// never
}

func ExampleTable_Validate() {
	table := policy.Default()
	table[codes.Quota].Retries = -1
	table[codes.Server].Max = time.Second
	fmt.Println(table.Validate())
	// Output:
	// policy: Quota: retries -1: want >= 0
	// policy: Server: max 1s: want >= base 2s
}

func ExampleTable_Capped() {
	table := policy.Default().Capped(2)
	fmt.Println(table[codes.Network])
	fmt.Println(table[codes.Expired])
	// Output:
	// 2 retries, 1 s to 60 s, x2
	// 1 retry, no wait
}

func ExampleTable_String() {
	table := policy.Table{
		codes.Server: {Retries: 2, Base: 100 * time.Millisecond, Max: time.Second, Multiplier: 2, Jitter: policy.Full},
	}
	fmt.Print(table.String())
	// Output:
	// class     retries  delays        multiplier  jitter  waits
	// Quota     never
	// Spent     never
	// Server    2        0.1 s to 1 s  x2          Full    0-0.1 s, 0-0.2 s
	// Network   never
	// Timeout   never
	// Auth      never
	// Expired   never
	// Request   never
	// Conflict  never
	// Other     never
	// Ended     never
}

func ExamplePolicy_Schedule() {
	for n, wait := range policy.Default()[codes.Server].Schedule() {
		fmt.Printf("retry %d after %v to %v\n", n+1, wait.Min, wait.Max)
	}
	// Output:
	// retry 1 after 2s to 3s
	// retry 2 after 4s to 6s
	// retry 3 after 8s to 12s
}

func ExamplePolicy_Backoff() {
	row := policy.Default()[codes.Quota]
	fmt.Println(row.Backoff(0), row.Backoff(1), row.Backoff(2), row.Backoff(3))
	// Output: 5s 15s 45s 2m0s
}

// The number from the dice comes in as an argument.
func ExamplePolicy_Wait() {
	row := policy.Default()[codes.Quota]
	fmt.Println(row.Wait(0, 0), row.Wait(0, 0.5))
	// Output: 5s 6.25s
}

func ExamplePolicy_Validate() {
	row := policy.Policy{Retries: 3, Base: time.Second, Max: time.Minute}
	fmt.Println(row.Validate())
	// Output: policy: multiplier 0: want >= 1
}

func ExamplePolicy_String() {
	fmt.Println(policy.Policy{Retries: 4, Base: time.Second, Max: time.Minute, Multiplier: 1.5})
	// Output: 4 retries, 1 s to 60 s, x1.5
}

func ExampleJitter_Range() {
	for _, jitter := range []policy.Jitter{policy.Above, policy.Full, policy.Equal, policy.Symmetric, policy.None} {
		wait := jitter.Range(10*time.Second, time.Minute)
		fmt.Printf("%-9v %v to %v\n", jitter, wait.Min, wait.Max)
	}
	// Output:
	// Above     10s to 15s
	// Full      0s to 10s
	// Equal     5s to 10s
	// Symmetric 8s to 12s
	// None      10s to 10s
}

// A call of a method that may run twice was refused, and the server has said
// when to come back.
func ExampleDecide() {
	table := policy.Default()
	state := policy.State{Table: &table, Attempts: 1, Repeatable: true, Tokens: 100}
	failure := codes.Failure{
		Class: codes.Quota, Code: grpccodes.ResourceExhausted, Reach: codes.Answered,
		Delay: 38 * time.Second, Asked: true,
	}
	d := policy.Decide(state, failure, 0.5)
	fmt.Println(d.Retry, d.Wait, d.Why, d.Class, d.Pays)

	// The caller has less time than that.
	state.Deadline, state.Remaining = true, 30*time.Second
	d = policy.Decide(state, failure, 0.5)
	fmt.Println(d.Retry, d.Why)
	// Output:
	// true 42.75s hint Quota Free
	// false deadline-too-near
}

// A whole call: decide, wait, count, try again.
func ExampleState_Count() {
	table := policy.Default()
	state := policy.State{Table: &table, Attempts: 1, Repeatable: true, Tokens: 100}
	failure := codes.Failure{Class: codes.Server, Code: grpccodes.Unavailable, Reach: codes.Answered}
	for {
		d := policy.Decide(state, failure, 0)
		if !d.Retry {
			fmt.Printf("attempt %d was the last: %v\n", state.Attempts, d.Why)
			return
		}
		fmt.Printf("attempt %d failed, wait %v\n", state.Attempts, d.Wait)
		state = state.Count(d)
	}
	// Output:
	// attempt 1 failed, wait 2s
	// attempt 2 failed, wait 4s
	// attempt 3 failed, wait 8s
	// attempt 4 was the last: class-exhausted
}

func ExampleWhy_String() {
	fmt.Println(policy.Backoff, policy.NotRepeatable, policy.BudgetExhausted)
	// Output: backoff not-repeatable budget-exhausted
}
