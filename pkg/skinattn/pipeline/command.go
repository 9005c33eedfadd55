package pipeline

import (
	"fmt"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// TrainCommand returns the command that trains the network of a configuration again, into
// the run folder dir: the regime by its name, and a flag for every option that differs
// from it. An imported network, which has no regime, is an error.
func TrainCommand(cfg run.Config, dir string) (string, error) {
	if cfg.Regime == nil {
		return "", fmt.Errorf("the network was imported (%s), not trained: no command trains it again", cfg.Init)
	}
	named, err := spec.For(cfg.Regime.Name, cfg.Network.Backbone)
	if err != nil {
		return "", err
	}
	variant := named
	variant.Variant = cfg.Regime.Variant // decides about the authors' network
	network, err := skinattn.Resolve(cfg.Network.Backbone, variant)
	if err != nil {
		return "", err
	}
	b, err := backbone.Find(cfg.Network.Backbone)
	if err != nil {
		return "", err
	}
	words := []string{"skinattn train", "--backbone " + b.Name, "--regime " + named.Name}
	add := func(flag string, value any) { words = append(words, fmt.Sprintf("--%s %v", flag, value)) }
	if cfg.Data.Protocol != "" {
		add("protocol", cfg.Data.Protocol)
	} else {
		add("split", "split.csv")
	}
	if cfg.Data.TestShare != 0 {
		add("test-share", cfg.Data.TestShare)
	}
	if cfg.Network.Size != b.Input {
		add("size", cfg.Network.Size)
	}
	if cfg.Network.Cut != network.Cut && cfg.Network.Cut != "" {
		add("cut", cfg.Network.Cut)
	}
	for _, o := range spec.RegimeOptions() {
		words = append(words, o.Arguments(cfg.Regime, &named)...)
	}
	for _, o := range spec.NetworkOptions() {
		words = append(words, o.Arguments(&cfg.Network, &network)...)
	}
	add("seed", cfg.Seed)
	if cfg.Init == RandomWeights {
		add("weights", RandomWeights)
	}
	if cfg.FeatureCache {
		words = append(words, "--feature-cache")
	}
	if cfg.FastDevRun {
		words = append(words, "--fast-dev-run")
	}
	add("run", dir)
	return strings.Join(words, " "), nil
}
