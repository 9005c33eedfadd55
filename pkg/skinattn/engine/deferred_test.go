package engine

import (
	"errors"
	"testing"
)

func TestDeferred(t *testing.T) {
	opened := 0
	eng := Deferred(func() (*Engine, error) { opened++; return openGo(t.Context(), Options{}) })
	if !Waits(eng.Backend) || opened != 0 {
		t.Errorf("the engine was opened %d times before it was needed", opened)
	}
	first, err := Started(eng.Backend)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Started(eng.Backend)
	if err != nil || first != second || opened != 1 || Waits(first) {
		t.Errorf("started twice: %v, %v, %v; opened %d times", first, second, err, opened)
	}
	if again, err := Started(first); err != nil || again != first {
		t.Errorf("a backend that does not wait: %v, %v", again, err)
	}
	failed := Deferred(func() (*Engine, error) { return nil, ErrNotInstalled })
	if _, err := Started(failed.Backend); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("an engine that can't be opened: %v", err)
	}
}

func TestMayWait(t *testing.T) {
	_, kernels := Kernels(nil)
	auto := kernels && !GPUSeen()
	for name, want := range map[string]bool{Auto: auto, "AUTO": auto, CPU: false, Go: false, CUDA: false} {
		t.Setenv(EnvEngine, "")
		if MayWait(name) != want {
			t.Errorf("%s: want %v", name, want)
		}
		t.Setenv(EnvEngine, name)
		if MayWait("") != want {
			t.Errorf("$%s=%s: want %v", EnvEngine, name, want)
		}
	}
	t.Setenv(EnvEngine, "")
	if MayWait("") != auto {
		t.Errorf("by default: want %v", auto)
	}
	t.Setenv(EnvKernels, "off")
	if MayWait(Auto) {
		t.Error("without kernels predictions need the engine")
	}
}
