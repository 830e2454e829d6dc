package gemini

import (
	"context"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
)

// DefaultModel is asked where no other is named.
const DefaultModel = "gemini-2.5-flash"

// Dial returns the official Gemini client with retries of these options; where says
// which server to talk to and with which credentials. It is main.go that has it.
type Dial func(ctx context.Context, where []option.ClientOption, opts ...interceptor.Option) (*generativelanguage.GenerativeClient, error)
