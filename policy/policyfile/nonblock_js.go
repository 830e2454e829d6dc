package policyfile

// nonblock is zero, since package syscall has no such flag for js.
const nonblock = 0
