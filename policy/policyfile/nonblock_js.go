package policyfile

// nonblock is nothing, since package syscall has no such flag for js.
const nonblock = 0
