package policy

import (
	"math/bits"
	"strings"

	grpccodes "google.golang.org/grpc/codes"
)

// CodeSet is a set of gRPC status codes. The zero value contains every code, including numbers
// unknown to gRPC.
type CodeSet uint32

// Codes returns the set of these codes, leaving out numbers unknown to gRPC.
func Codes(codes ...grpccodes.Code) (s CodeSet) {
	for _, c := range codes {
		if c <= grpccodes.Unauthenticated {
			s |= 1 << c
		}
	}
	return s
}

// Has reports whether c is in the set.
func (s CodeSet) Has(c grpccodes.Code) bool {
	return s == 0 || (c <= grpccodes.Unauthenticated && s&(1<<c) != 0)
}

// List returns the codes of the set in numerical order: none for the zero value.
func (s CodeSet) List() []grpccodes.Code {
	var list []grpccodes.Code
	for rest := uint32(s); rest != 0; rest &= rest - 1 {
		list = append(list, grpccodes.Code(bits.TrailingZeros32(rest))) //nolint:gosec // less than 32
	}
	return list
}

// String returns the names of the codes, as "Unavailable, Aborted", or "all".
func (s CodeSet) String() string {
	if s == 0 {
		return "all"
	}
	var names []string
	for _, c := range s.List() {
		names = append(names, c.String())
	}
	return strings.Join(names, ", ")
}
