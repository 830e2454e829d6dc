package rest

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// serverTimeout tells Google's servers, in whole seconds, when to give up.
const serverTimeout = "X-Server-Timeout"

// renewTimeout lowers the time given to the server by an attempt to the time left to the
// caller. genai sets the time left to the whole call.
func renewTimeout(out *http.Request) {
	set, err := strconv.ParseInt(out.Header.Get(serverTimeout), 10, 64)
	deadline, ok := out.Context().Deadline()
	if err != nil || !ok {
		return
	}
	left := int64(math.Ceil(time.Until(deadline).Seconds())) //nolint:forbidigo // contexts run on the runtime's clock
	if left = max(left, 1); left < set {
		out.Header = out.Header.Clone()
		out.Header.Set(serverTimeout, strconv.FormatInt(left, 10))
	}
}
