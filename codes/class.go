package codes

import "fmt"

// Class is the kind of failure of an attempt. A policy table has a row for each
// class. The zero value is [None].
type Class uint8

// The classes, in the order of the rows of a policy table.
const (
	// None means success: there is no failure.
	None Class = iota
	// Quota is a refusal by a rate limit that refills soon.
	Quota
	// Spent is a refusal by a quota that does not refill soon: a daily quota, a quota
	// of zero, billing, an exhausted account.
	Spent
	// Server is a failed or overloaded server.
	Server
	// Network is the lack of any answer: connection refused, reset or cut, or a
	// failed token fetch.
	Network
	// Timeout is an attempt or a server that ran out of time while the caller had
	// time left.
	Timeout
	// Auth is wrong credentials or a missing permission.
	Auth
	// Expired is an expired access token: worth one more attempt with fresh
	// credentials.
	Expired
	// Request is a wrong request or set-up. Repeating does not help.
	Request
	// Conflict is ABORTED: the caller has to restart its transaction.
	Conflict
	// Other is every other failure.
	Other
	// Ended is a call ended by its caller: the caller's context is done, or the
	// caller closed the connection.
	Ended

	// NumClasses is the number of classes, None included.
	NumClasses = 12
)

// names returns the names of the classes, indexed by class.
func names() [NumClasses]string {
	return [NumClasses]string{
		None: "None", Quota: "Quota", Spent: "Spent", Server: "Server", Network: "Network", Timeout: "Timeout",
		Auth: "Auth", Expired: "Expired", Request: "Request", Conflict: "Conflict", Other: "Other", Ended: "Ended",
	}
}

// String returns the name of the class as spelled in this package, or "Class(n)" for
// a number outside the classes.
func (c Class) String() string {
	if all := names(); int(c) < len(all) {
		return all[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// ParseClass returns the class with that name, in the spelling of [Class.String]. The
// error for an unknown name lists the known names.
func ParseClass(name string) (Class, error) {
	for c, n := range names() {
		if n == name {
			return Class(c), nil
		}
	}
	return None, fmt.Errorf("codes: class %q: want one of %v", name, names())
}

// MarshalText returns the name of the class, or an error for a number outside the
// classes.
func (c Class) MarshalText() ([]byte, error) {
	if c >= NumClasses {
		return nil, fmt.Errorf("codes: class %d: want 0 to %d", uint8(c), NumClasses-1)
	}
	return []byte(c.String()), nil
}

// UnmarshalText sets c to the class with that name, as [ParseClass] does.
func (c *Class) UnmarshalText(text []byte) error {
	parsed, err := ParseClass(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}
