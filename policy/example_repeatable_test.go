package policy_test

import (
	"fmt"

	"github.com/reinvoke/reinvoke/policy"
)

func ExampleRepeatableByName() {
	for _, method := range []string{
		"/google.ai.generativelanguage.v1.GenerativeService/GenerateContent",
		"/google.cloud.aiplatform.v1beta1.MemoryBankService/GenerateMemories",
		"/google.ai.generativelanguage.v1.TextService/TranslateText",
		"/shop.v1.Shop/GetThing",
		"GenerateContent",
	} {
		repeatable, known := policy.RepeatableByName(method)
		fmt.Printf("%-5v %-5v %s\n", repeatable, known, method)
	}
	// Output:
	// true  true  /google.ai.generativelanguage.v1.GenerativeService/GenerateContent
	// false true  /google.cloud.aiplatform.v1beta1.MemoryBankService/GenerateMemories
	// false false /google.ai.generativelanguage.v1.TextService/TranslateText
	// false false /shop.v1.Shop/GetThing
	// false false GenerateContent
}
