package engine

import (
	"errors"
	"fmt"
)

// Why an engine can't be used, for errors.Is; an [UnavailableError] may also wrap
// other causes, such as a download that failed.
var (
	// ErrNotBuilt: Go builds without cgo where it finds no C compiler, and then
	// without XLA.
	ErrNotBuilt = errors.New("this program was built without XLA, for lack of a C compiler: install gcc and build again")
	// ErrPlatform: no plug-in is published for this operating system and processor.
	ErrPlatform = errors.New("no XLA plug-in for this platform")
	// ErrNotInstalled: the plug-in is missing, and Options.Offline forbids
	// fetching it.
	ErrNotInstalled = errors.New("no XLA plug-in is installed")
	// ErrNoGPU: the NVIDIA driver's device file is missing.
	ErrNoGPU = errors.New("no NVIDIA GPU was found (no /dev/nvidia0)")
)

// UnavailableError reports that [Open] could not start an engine.
type UnavailableError struct {
	Engine string // CUDA, CPU or Go
	Err    error  // the cause
}

func (e *UnavailableError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

// DevicesError says that an engine has fewer devices than shall share the batches.
type DevicesError struct {
	Engine  string
	Devices int // that were asked for
	Have    int
}

func (e *DevicesError) Error() string {
	return fmt.Sprintf("%d devices are asked for, and the engine %s has %d", e.Devices, e.Engine, e.Have)
}
