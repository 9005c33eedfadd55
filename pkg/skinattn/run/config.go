package run

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Format is the version of the run folder's layout that this package writes, in
// config.json. docs/run-folder.md says what each version has.
const Format = 1

// Config is config.json: everything needed to train the run again.
type Config struct {
	// Format is set by WriteConfig and by Folder.Config.
	Format  int          `json:"format"`
	Network spec.Network `json:"network"`
	// Regime is nil for a run made by importing a Keras file.
	Regime *spec.Regime `json:"regime,omitempty"`
	Data   Data         `json:"data"`
	// Init says where the first weights come from: "imagenet" (a Keras
	// applications file, whose SHA-256 follows), "random", or the imported file.
	Init       string `json:"init"`
	InitSHA256 string `json:"init_sha256,omitempty"`
	Seed       uint64 `json:"seed"`
	// FeatureCache says that the features of the frozen backbone were computed
	// once, before the training.
	FeatureCache bool `json:"feature_cache,omitempty"`
	// FastDevRun marks a run of a few batches, made to see whether all works.
	FastDevRun bool `json:"fast_dev_run,omitempty"`
}

// Data identifies the data that a run was trained on.
type Data struct {
	Protocol string `json:"protocol,omitempty"`
	// TestShare is there where it is not the protocol's own.
	TestShare   float64 `json:"test_share,omitempty"`
	SplitSHA256 string  `json:"split_sha256,omitempty"`
	// ImagesSHA256 is over the content of all images used, in order.
	ImagesSHA256 string `json:"images_sha256,omitempty"`
	// SourceSize is the size of the photos as they lie on disk, such as "448x336";
	// see imaging.SourceSize. It is empty for runs of before it was recorded.
	SourceSize string `json:"source_size,omitempty"`
}

// Values are the leaves of config.json by path, such as "network.size": strings,
// booleans, numbers as json.Number, and lists. What the file leaves out has no
// entry.
func (c Config) Values() map[string]any {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain structs always marshal
	}
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&tree); err != nil {
		panic(err) // it was marshalled above
	}
	leaves := map[string]any{}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		object, ok := node.(map[string]any)
		if !ok {
			leaves[path] = node
			return
		}
		for key, child := range object {
			walk(strings.TrimPrefix(path+"."+key, "."), child)
		}
	}
	walk("", tree)
	return leaves
}

// ConfigMismatchError says that a run can't go on with another configuration than
// its own.
type ConfigMismatchError struct {
	Dir    string
	Fields []FieldDifference // by path
}

// FieldDifference is a value of config.json that is not as wanted. Have is the
// run's value and Want the other one, as JSON; an empty one is not set.
type FieldDifference struct{ Path, Have, Want string }

func (e *ConfigMismatchError) Error() string {
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = fmt.Sprintf("%s (the run has %s, now %s)", f.Path, cmp.Or(f.Have, "none"), cmp.Or(f.Want, "none"))
	}
	return fmt.Sprintf("%s can't be resumed with other settings: %s", e.Dir, strings.Join(texts, ", "))
}

// RequireConfig returns a *ConfigMismatchError with all differences unless
// config.json is as wanted.
func (f *Folder) RequireConfig(wanted Config) error {
	have, err := f.Config()
	if err != nil {
		return err
	}
	text := func(values map[string]any, path string) string {
		value, ok := values[path]
		if !ok {
			return ""
		}
		encoded, _ := json.Marshal(value)
		return string(encoded)
	}
	wanted.Format = have.Format
	a, b := have.Values(), wanted.Values()
	paths := slices.Collect(maps.Keys(a))
	for path := range b {
		if _, ok := a[path]; !ok {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	mismatch := &ConfigMismatchError{Dir: f.Dir}
	for _, path := range paths {
		if x, y := text(a, path), text(b, path); x != y {
			mismatch.Fields = append(mismatch.Fields, FieldDifference{path, x, y})
		}
	}
	if len(mismatch.Fields) > 0 {
		return mismatch
	}
	return nil
}

// Config reads config.json. Older formats are brought to the present one in memory;
// a newer one is an error.
func (f *Folder) Config() (Config, error) {
	var cfg Config
	text, err := f.readFile(ConfigFile)
	if err != nil {
		return cfg, err
	}
	if text, err = upgrade(text); err != nil {
		return cfg, fmt.Errorf("reading %s: %w", f.Path(ConfigFile), err)
	}
	return cfg, f.decode(ConfigFile, text, &cfg)
}

// WriteConfig writes config.json, the last file before training: a folder that
// has it can be resumed.
func (f *Folder) WriteConfig(cfg Config) error {
	cfg.Format = Format
	return f.writeJSON(ConfigFile, cfg)
}
