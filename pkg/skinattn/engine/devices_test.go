package engine

import (
	"errors"
	"strings"
	"testing"
)

// The pure Go engine has one device, and says so.
func TestTooFewDevices(t *testing.T) {
	_, err := Open(t.Context(), Go, Options{Devices: 2})
	few, ok := errors.AsType[*DevicesError](err)
	if !ok || *few != (DevicesError{Engine: Go, Devices: 2, Have: 1}) {
		t.Errorf("two devices of the engine go: %v", err)
	}
	if _, ok := errors.AsType[*UnavailableError](err); !ok {
		t.Errorf("%v is no UnavailableError", err)
	}
}

func TestDevices(t *testing.T) {
	for devices, want := range map[int]int{0: 1, 1: 1, 3: 3} {
		eng, err := Open(t.Context(), CPU, Options{Offline: true, Devices: devices})
		if err != nil {
			t.Skipf("no XLA: %v", err)
		}
		if eng.Devices != want || eng.Backend.NumDevices() != want || strings.Contains(eng.String(), "3 devices") != (want == 3) {
			t.Errorf("%d devices are asked for, the engine has %d of %d: %s", devices, eng.Devices, eng.Backend.NumDevices(), eng)
		}
	}
}
