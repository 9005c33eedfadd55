package weights

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// modelConfig is the part of a whole model's configuration (keras.File.ModelConfig)
// that an import needs. The zero value says nothing.
type modelConfig struct {
	Config struct {
		Layers []configLayer
	}
}

// configLayer is a layer with its hyperparameters, which depend on the class.
type configLayer struct {
	Class  string `json:"class_name"`
	Name   string
	Config json.RawMessage
}

// inputLayer, stringLookup and dropout are the hyperparameters of their classes.
type (
	inputLayer struct {
		Shape2 []*int `json:"batch_input_shape"` // of Keras 2; null: any
		Shape3 []*int `json:"batch_shape"`       // of Keras 3
	}
	stringLookup struct {
		Vocabulary any // a list, or the name of a file
	}
	dropout struct{ Rate float64 }
)

// parseModelConfig reads the configuration from its JSON, which may be empty.
func parseModelConfig(text string) (cfg modelConfig, err error) {
	if text == "" {
		return cfg, nil
	}
	if err := json.Unmarshal([]byte(text), &cfg); err != nil {
		return cfg, fmt.Errorf("reading model_config: %w", err)
	}
	return cfg, nil
}

// ofClass decodes the layers of a class and leaves out those that it cannot decode.
func ofClass[T any](c modelConfig, class string) (names []string, configs []T) {
	for _, layer := range c.Config.Layers {
		var config T
		if layer.Class == class && json.Unmarshal(layer.Config, &config) == nil {
			names, configs = append(names, layer.Name), append(configs, config)
		}
	}
	return names, configs
}

// size is the width of the image input, 0 if the model leaves the width open.
func (c modelConfig) size() (int, error) {
	names, inputs := ofClass[inputLayer](c, "InputLayer")
	for i, input := range inputs {
		shape := input.Shape2
		if shape == nil {
			shape = input.Shape3
		}
		if len(shape) != 4 || shape[1] == nil || shape[2] == nil {
			continue
		}
		height, width := *shape[1], *shape[2]
		if height != width {
			return 0, fmt.Errorf("input layer %q takes images of %d x %d pixels; the networks here take square ones", names[i], width, height)
		}
		return height, nil
	}
	return 0, nil
}

// dropouts sets the rates of cfg. Of two dropout layers, the layer made first belongs to
// the features and the other to the metadata.
func (c modelConfig) dropouts(cfg *spec.Network) {
	names, all := ofClass[dropout](c, "Dropout")
	if len(all) == 1 {
		cfg.Dropout = all[0].Rate
	}
	if len(all) == 2 && cfg.Metadata {
		if backbone.AutoNumber(names[0], "dropout") > backbone.AutoNumber(names[1], "dropout") {
			slices.Reverse(all)
		}
		cfg.Dropout, cfg.MetadataDropout = all[0].Rate, all[1].Rate
	}
}

// checkVocabularies refuses words in another order than here: the network would take one
// word for another, and no tensor's shape would show it.
func (c modelConfig) checkVocabularies() error {
	names, lookups := ofClass[stringLookup](c, "StringLookup")
	for i, lookup := range lookups {
		words, ok := lookup.Vocabulary.([]any)
		if !ok { // the words are in a file
			continue
		}
		same := func(vocabulary []string) bool {
			return slices.EqualFunc(words, vocabulary, func(a any, b string) bool { return a == b })
		}
		if !same(ham10000.Sexes) && !same(ham10000.Localizations) {
			return fmt.Errorf("layer %q has the vocabulary %q; the networks here have %q or %q in this order", names[i], words, ham10000.Sexes, ham10000.Localizations)
		}
	}
	return nil
}
