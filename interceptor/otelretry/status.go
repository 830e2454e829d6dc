package otelretry

import (
	"strconv"

	grpccodes "google.golang.org/grpc/codes"
)

// statusName returns the name of a code in the spelling of gRFC A66, such as
// UNAVAILABLE.
func statusName(code grpccodes.Code) string {
	names := [...]string{
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
		"UNAUTHENTICATED",
	}
	if int(code) < len(names) {
		return names[code]
	}
	return "CODE_" + strconv.FormatUint(uint64(code), 10)
}
