package streams_test

import (
	"testing"
)

// TestStream_replayBufferAfterNewStreamHasFailed: what applies to the call is
// known by then.
func TestStream_replayBufferAfterNewStreamHasFailed(t *testing.T) { testReplayBuffer(t, 1) }
