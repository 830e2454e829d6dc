//go:build !js

package policyfile

import "syscall"

// nonblock has a named pipe opened at once, whether or not anybody writes to it.
const nonblock = syscall.O_NONBLOCK
