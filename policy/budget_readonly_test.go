//go:build linux || darwin

package policy_test

import (
	"runtime/debug"
	"syscall"
	"testing"
	"unsafe"

	"github.com/reinvoke/reinvoke/policy"
)

// TestBudget_fullIsOnlyRead: the healthy path must not write memory that all
// calls share, not even the value that is there already; one such write made
// two cores slower than one. So the budget is put where a write is a fault.
func TestBudget_fullIsOnlyRead(t *testing.T) {
	full := newBudget(t, policy.BudgetConfig{Max: 1.5, Start: 1.5, Earn: 1, EarnedMax: 0.7, EarnedEarn: 0.7})
	full.Success() // fills the earned account
	b := readOnly(t, full)

	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			t.Errorf("a full budget was written: %v", fault)
		}
	}()
	for range 3 {
		b.Success()
	}
	b.Return(policy.Tokens)
	wantHeld(t, b, 1.5, 0.7)
	if b.Take(policy.Earned) {
		t.Error("a whole token was taken of 0.7")
	}
}

// readOnly returns a copy of the budget in memory that cannot be written.
func readOnly(t *testing.T, b *policy.Budget) *policy.Budget {
	t.Helper()
	page, err := syscall.Mmap(-1, 0, syscall.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Skipf("no memory to protect: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(page) })
	copy(page, unsafe.Slice((*byte)(unsafe.Pointer(b)), unsafe.Sizeof(*b))) //nolint:gosec // no other goroutine has it
	if err := syscall.Mprotect(page, syscall.PROT_READ); err != nil {
		t.Skipf("no memory to protect: %v", err)
	}
	return (*policy.Budget)(unsafe.Pointer(&page[0])) //nolint:gosec // a page is aligned and large enough
}
