package replay

// Unkept says why a stream has nothing to retry with. The zero value is [Kept].
type Unkept uint8

// The reasons.
const (
	Kept         Unkept = iota // it has
	TooLarge                   // more was sent than is kept
	NoProto                    // what was sent is no protobuf message
	NotEncodable               // or cannot be encoded
	NotSame                    // or would be another one when it is sent again
	ToldBroken                 // the caller was told that the stream is broken, and may have stopped sending
)

// Advice returns what a caller can do about it, or at least the reason.
func (u Unkept) Advice() string {
	switch u {
	case TooLarge:
		return "the stream has sent too much to be kept for a retry: interceptor.WithReplayBuffer allows more"
	case NoProto:
		return "the request is no protobuf message and cannot be kept for a retry"
	case NotEncodable:
		return "the request cannot be encoded, and so not be kept for a retry"
	case NotSame:
		return "the request cannot be kept for a retry: decoded again by its codec, it would be another one"
	case Kept, ToldBroken:
	}
	return ""
}
