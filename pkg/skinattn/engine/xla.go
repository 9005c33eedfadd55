//go:build cgo

package engine

import (
	"fmt"
	"strings"

	"github.com/gomlx/go-xla/compute/xla"

	"github.com/skinattn/skinattn/internal/oneline"
)

// XLABuilt reports whether this program was built with XLA, which needs cgo.
const XLABuilt = true

// openXLA starts XLA. config is the plug-in's path, with go-xla's options after
// commas; options go to the plug-in's client.
func openXLA(kind, config, wheel string, options map[string]any) (*Engine, error) {
	// go-xla would otherwise fetch a plug-in from a release page.
	xla.EnableAutoInstall(false)
	backend, err := xla.NewWithOptions(config, options)
	plugin, _, _ := strings.Cut(config, ",")
	if err != nil {
		return nil, fmt.Errorf("starting XLA with the plug-in %s: %w", plugin, oneline.Error(err))
	}
	return &Engine{Backend: backend, Kind: kind, Plugin: plugin, Wheel: wheel}, nil
}
