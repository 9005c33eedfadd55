//go:build cgo

package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"

	"github.com/skinattn/skinattn/internal/oneline"
	"github.com/skinattn/skinattn/internal/programs"
)

// XLABuilt reports whether this program was built with XLA, which needs cgo.
const XLABuilt = true

// openXLA starts XLA. config is the plug-in's path, with go-xla's options after
// commas; options go to the plug-in's client.
func openXLA(kind, config, wheel string, options map[string]any, opts Options) (*Engine, error) {
	// go-xla would otherwise fetch a plug-in from a release page.
	xla.EnableAutoInstall(false)
	plugin, _, _ := strings.Cut(config, ",")
	opening.Lock()
	defer opening.Unlock()
	if kind == CPU {
		wrap(plugin, opts)
	}
	backend, err := xla.NewWithOptions(config, options)
	if err != nil {
		return nil, fmt.Errorf("starting XLA with the plug-in %s: %w", plugin, oneline.Error(err))
	}
	return &Engine{Backend: backend, Kind: kind, Plugin: plugin, Wheel: wheel}, nil
}

// opening guards go-xla's table of plug-ins, which RegisterPreloadedPlugin changes
// without a lock (go-xla v0.4.3).
var opening sync.Mutex

// wrap lets go-xla use the plug-in through a table of functions that keeps
// compiled programs and computes convolutions. go-xla takes a plug-in that it has under this name, here its path,
// for loaded. Where that can't be, go-xla loads the plug-in itself.
func wrap(plugin string, opts Options) {
	cache, err := programs.Open()
	if err != nil && !errors.Is(err, programs.ErrOff) {
		opts.logf("note: compiled programs are not kept: %v", err)
	}
	if err != nil || opts.CompileAnew {
		cache = nil
	}
	table, isNew, err := cache.Plugin(plugin, !kernelsOff(), func(line string) { opts.logf("%s", line) })
	if isNew {
		err = pjrt.RegisterPreloadedPlugin(plugin, table)
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		opts.logf("note: compiled programs are not kept: %v", err)
	}
}
