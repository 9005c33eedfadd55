package weights

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/skinattn/skinattn/internal/hdf5"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// modelConfig is what a whole model says of itself, in its attribute
// model_config, beyond the weights. The zero value says nothing.
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
		Shape []*int `json:"batch_input_shape"` // null: any
	}
	stringLookup struct {
		Vocabulary any // a list, or the name of a file
	}
	dropout struct{ Rate float64 }
)

// ofClass decodes the layers of a class; what can't be decoded is left out.
func ofClass[T any](c modelConfig, class string) (names []string, configs []T) {
	for _, layer := range c.Config.Layers {
		var config T
		if layer.Class == class && json.Unmarshal(layer.Config, &config) == nil {
			names, configs = append(names, layer.Name), append(configs, config)
		}
	}
	return names, configs
}

// readModelConfig reads the configuration of the whole model in a file.
func readModelConfig(path string) (modelConfig, error) {
	var cfg modelConfig
	file, err := hdf5.Open(path)
	if err != nil {
		return cfg, err
	}
	defer file.Close()
	attr, err := file.Root().Attr("model_config")
	if errors.Is(err, hdf5.ErrNotFound) {
		return cfg, nil
	}
	if err != nil {
		return cfg, fmt.Errorf("reading model_config: %w", err)
	}
	text, err := attr.Strings()
	if err == nil && len(text) != 1 {
		err = fmt.Errorf("%d texts where there is one", len(text))
	}
	if err == nil {
		err = json.Unmarshal([]byte(text[0]), &cfg)
	}
	if err != nil {
		return cfg, fmt.Errorf("reading model_config: %w", err)
	}
	return cfg, nil
}

// size is the width of the image input, 0 if the model leaves it open.
func (c modelConfig) size() (int, error) {
	names, inputs := ofClass[inputLayer](c, "InputLayer")
	for i, input := range inputs {
		if len(input.Shape) != 4 || input.Shape[1] == nil || input.Shape[2] == nil {
			continue
		}
		height, width := *input.Shape[1], *input.Shape[2]
		if height != width {
			return 0, fmt.Errorf("input layer %q takes images of %d x %d pixels; the networks here take square ones", names[i], width, height)
		}
		return height, nil
	}
	return 0, nil
}

// dropouts sets the rates of cfg: of the dropout layers, the first made is the
// features' and the second the metadata's.
func (c modelConfig) dropouts(cfg *spec.Network) {
	names, all := ofClass[dropout](c, "Dropout")
	if len(all) == 1 {
		cfg.Dropout = all[0].Rate
	}
	if len(all) == 2 && cfg.Metadata {
		first, second := 0, 1
		if backbone.AutoNumber(names[0], "dropout") > backbone.AutoNumber(names[1], "dropout") {
			first, second = 1, 0
		}
		cfg.Dropout, cfg.MetadataDropout = all[first].Rate, all[second].Rate
	}
}

// checkVocabularies refuses words in another order than here: the metadata
// would be read wrongly without any tensor being of the wrong shape.
func (c modelConfig) checkVocabularies() error {
	names, lookups := ofClass[stringLookup](c, "StringLookup")
	for i, lookup := range lookups {
		words, ok := lookup.Vocabulary.([]any)
		if !ok { // not written down
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
