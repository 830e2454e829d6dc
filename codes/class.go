package codes

import "fmt"

// Class is the kind of trouble that a failed attempt met. A policy table has
// one row for each. The zero value is [None].
type Class uint8

// The classes. Their order is that of the rows of a policy table.
const (
	// None is the class of success: there was no failure.
	None Class = iota
	// Quota is a refusal by a rate limit that refills soon.
	Quota
	// Spent is a refusal by a quota that does not refill soon: a daily one,
	// one of zero, billing, an exhausted account.
	Spent
	// Server is a server that failed or is overloaded.
	Server
	// Network is no answer at all: connection refused, reset or cut, or the
	// fetch of a token failed.
	Network
	// Timeout is an attempt or a server that ran out of time while the
	// caller had time left.
	Timeout
	// Auth is wrong credentials, or no right to do this.
	Auth
	// Expired is an access token past its time: worth one more attempt with
	// fresh credentials.
	Expired
	// Request is a request, or a set-up, that is wrong and stays wrong.
	Request
	// Conflict is ABORTED: a transaction has to start over, above us.
	Conflict
	// Other is none of these.
	Other
	// Ended is the caller's own doing: its context is done, or it closed the
	// connection.
	Ended

	// NumClasses is the number of classes, None included.
	NumClasses = 12
)

// names returns the names of the classes in their order.
func names() [NumClasses]string {
	return [NumClasses]string{
		None: "None", Quota: "Quota", Spent: "Spent", Server: "Server", Network: "Network", Timeout: "Timeout",
		Auth: "Auth", Expired: "Expired", Request: "Request", Conflict: "Conflict", Other: "Other", Ended: "Ended",
	}
}

// String returns the name of the class as this package spells it, or
// "Class(n)" for a number that is none.
func (c Class) String() string {
	if all := names(); int(c) < len(all) {
		return all[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// ParseClass returns the class of that name, spelled as [Class.String] spells
// it, or an error that lists the names.
func ParseClass(name string) (Class, error) {
	for c, n := range names() {
		if n == name {
			return Class(c), nil
		}
	}
	return None, fmt.Errorf("codes: class %q: want one of %v", name, names())
}

// MarshalText returns the name of the class; a number that is no class is an
// error.
func (c Class) MarshalText() ([]byte, error) {
	if c >= NumClasses {
		return nil, fmt.Errorf("codes: class %d: want 0 to %d", uint8(c), NumClasses-1)
	}
	return []byte(c.String()), nil
}

// UnmarshalText sets c to the class of that name, as [ParseClass] does.
func (c *Class) UnmarshalText(text []byte) error {
	parsed, err := ParseClass(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}
