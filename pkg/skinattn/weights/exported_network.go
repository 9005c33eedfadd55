package weights

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// identifyExport takes the network that Export described beside the weights, so that
// nothing has to be guessed. The caller's options replace parts of the description.
func (ins *inspection) identifyExport(opts ImportOptions, b *backbone.Backbone) error {
	var cfg spec.Network
	decoder := json.NewDecoder(strings.NewReader(ins.file.Network))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&cfg); err != nil {
		return fmt.Errorf("reading its description of the network: %w", err)
	}
	if cfg.Backbone != b.Name {
		return fmt.Errorf("it holds a network on %s, not on %s", cfg.Backbone, b.Name)
	}
	cfg.Cut = cmp.Or(opts.Cut, cfg.Cut)
	cfg.Size = cmp.Or(opts.Size, cfg.Size)
	cfg.ChannelOrder = cmp.Or(opts.ChannelOrder, cfg.ChannelOrder)
	cfg.Preprocess = cmp.Or(opts.Preprocess, cfg.Preprocess)
	because := "as the export says"
	if opts.AttentionWindow != "" {
		cfg.AttentionWindow, _, because = shownWindow(opts, ins.file)
	}
	const mostPools = 16 // a network can't have more, and NewNetwork builds each
	if cfg.PoolsBefore > mostPools {
		return fmt.Errorf("its description of the network has %d poolings before the attention", cfg.PoolsBefore)
	}
	var err error
	if ins.net, err = skinattn.NewNetwork(cfg); err != nil {
		return fmt.Errorf("its description of the network: %w", err)
	}
	ins.Cut = ins.net.Cut
	ins.AttentionWindow = windowOf(ins.net, true, because)
	return nil
}
