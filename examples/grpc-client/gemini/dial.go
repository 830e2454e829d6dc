package gemini

import (
	"context"

	generativelanguage "cloud.google.com/go/ai/generativelanguage/apiv1beta"
	"google.golang.org/api/option"

	"github.com/reinvoke/reinvoke/interceptor"
)

// DefaultModel is asked where no other is named.
const DefaultModel = "gemini-2.5-flash"

// Dial returns the official Gemini client with retries; where names the server and the
// credentials. main.go has the Dial of the program.
type Dial func(ctx context.Context, where []option.ClientOption, opts ...interceptor.Option) (*generativelanguage.GenerativeClient, error)
