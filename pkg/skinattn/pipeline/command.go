package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/bench"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
)

// TrainCommand returns the command that trains the network of a configuration again, into
// the run folder dir: the regime by its name, and a flag for every option that differs
// from it. The folds and the as-run form of its split are those of drawn, as config.json does
// not have them. An imported network, which has no regime, is an error.
func TrainCommand(cfg run.Config, drawn split.Options, dir string) (string, error) {
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
	if cfg.Data.Arm != "" {
		add("arm", cfg.Data.Arm)
	}
	if drawn.Folds != 0 {
		add("folds", drawn.Folds)
		add("fold", drawn.Fold)
	}
	if drawn.AsRun {
		words = append(words, "--as-run")
	}
	if cfg.Network.Size != b.Input {
		add("size", cfg.Network.Size)
	}
	if cfg.Network.Cut != network.Cut && cfg.Network.Cut != "" {
		add("cut", cfg.Network.Cut)
	}
	words = append(words, optionArguments(cfg, named, network)...)
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

// optionArguments are the flags of the options in which a configuration differs from its
// regime's own.
func optionArguments(cfg run.Config, named spec.Regime, network spec.Network) (words []string) {
	for _, o := range spec.RegimeOptions() {
		words = append(words, o.Arguments(cfg.Regime, &named)...)
	}
	for _, o := range spec.NetworkOptions() {
		words = append(words, o.Arguments(&cfg.Network, &network)...)
	}
	return words
}

// BenchArguments are the arguments of 'bench' that measure, in a mode of package bench, a
// step or prediction of the configuration's training: its network, regime, size and batch,
// and those options that decide about the time.
func BenchArguments(cfg run.Config, mode string) ([]string, error) {
	named, err := spec.For(cfg.Regime.Name, cfg.Network.Backbone)
	if err != nil {
		return nil, err
	}
	variant := named
	variant.Variant = cfg.Regime.Variant
	network, err := skinattn.Resolve(cfg.Network.Backbone, variant)
	if err != nil {
		return nil, err
	}
	work := func(cfg run.Config) []string {
		return append(bench.WorkOf(cfg.Network, cfg.Regime, cfg.FeatureCache, mode), cfg.Network.Cut)
	}
	want := work(cfg)
	regime := *cfg.Regime
	cfg.Regime = &regime
	// What differs without a difference for the time is left out, option by option.
	for _, o := range spec.RegimeOptions() {
		before := regime
		if o.Flag == "" || o.Flag == "freeze" && cfg.FeatureCache { // features need it
			continue
		}
		if o.In(&regime).Set(o.In(&named)); !slices.Equal(work(cfg), want) {
			regime = before
		}
	}
	for _, o := range spec.NetworkOptions() {
		before := cfg.Network
		if o.Flag == "" {
			continue
		}
		if o.In(&cfg.Network).Set(o.In(&network)); !slices.Equal(work(cfg), want) {
			cfg.Network = before
		}
	}
	regime.Batch, regime.Precision = named.Batch, named.Precision // flags of their own
	words := []string{"--backbone=" + cfg.Network.Backbone, "--regime=" + named.Name, "--mode=" + mode, fmt.Sprintf("--size=%d", cfg.Network.Size)}
	if cfg.Network.Cut != network.Cut && cfg.Network.Cut != "" {
		words = append(words, "--cut="+cfg.Network.Cut)
	}
	words = append(words, optionArguments(cfg, named, network)...)
	if cfg.FeatureCache {
		words = append(words, "--feature-cache")
	}
	return words, nil
}
