package replay

// Unkept is the reason why a stream has no messages for a retry. The zero value is
// [Kept].
type Unkept uint8

// The reasons.
const (
	Kept         Unkept = iota // the messages are kept
	TooLarge                   // the messages exceed the limit
	NoProto                    // a message is not a protobuf message
	NotEncodable               // a message cannot be encoded
	NotSame                    // a message would differ when sent again
	BodyGone                   // the body of a REST call can be had only once, and was not kept
	ToldBroken                 // the caller knows that the stream is broken, and may have stopped sending
)

// Advice returns a remedy for the caller, or at least the reason.
func (u Unkept) Advice() string {
	switch u {
	case TooLarge:
		return "the stream has sent too much to be kept for a retry: interceptor.WithReplayBuffer allows more"
	case BodyGone:
		return "the body of the request can be had only once, and is not kept for a retry: a GetBody allows one, or interceptor.WithReplayBuffer"
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
