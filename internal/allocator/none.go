//go:build !(cgo && linux && !asan && !msan)

package allocator

// Use does nothing here.
func Use() {}

// Mapped returns 0 here.
func Mapped() int { return 0 }
