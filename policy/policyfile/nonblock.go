//go:build !js

package policyfile

import "syscall"

// nonblock makes opening a named pipe return at once, with or without a writer.
const nonblock = syscall.O_NONBLOCK
