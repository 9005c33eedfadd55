package engine

import (
	"os"
	"strings"
	"sync"

	"github.com/gomlx/compute"
)

// Deferred returns an engine that open starts when something first needs it: see [Started]. Predictions do not where
// [Kernels] compute them, so that they take no plug-in. Kind and Plugin stay empty; open is called once.
func Deferred(open func() (*Engine, error)) *Engine {
	d := &deferred{}
	d.start = sync.OnceValues(func() (compute.Backend, error) {
		eng, err := open()
		if err != nil {
			return nil, err
		}
		return eng.Backend, nil
	})
	return &Engine{Backend: d, Devices: 1}
}

// MayWait reports whether the engine called name, as in [Open], is one to be started only when something needs it: auto, where
// no GPU would predict and the processor's kernels do. An engine that is asked for by its name is to be there, or to be
// missed at once.
func MayWait(name string) bool {
	if name == "" {
		name = os.Getenv(EnvEngine)
	}
	if name != "" && !strings.EqualFold(name, Auto) || GPUSeen() {
		return false
	}
	_, kernels := Kernels(nil)
	return kernels
}

// Started returns a backend that graphs can be built for: backend itself, unless it is that of a [Deferred] engine, which is
// started first.
func Started(backend compute.Backend) (compute.Backend, error) {
	if d, ok := backend.(*deferred); ok {
		return d.start()
	}
	return backend, nil
}

// Waits reports whether backend is that of a [Deferred] engine.
func Waits(backend compute.Backend) bool {
	_, ok := backend.(*deferred)
	return ok
}

// deferred stands for the backend of an engine that may not have been started. GoMLX compares backends by identity, so
// nothing can be computed with it: it has no method but start, and the rest of the interface is nil.
type deferred struct {
	compute.Backend
	start func() (compute.Backend, error)
}
