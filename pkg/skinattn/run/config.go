package run

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// Format is the version of the run folder's layout that this package writes, in
// config.json. docs/run-folder.md specifies each version.
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
	// FastDevRun marks a run of a few batches, made as a test of all steps.
	FastDevRun bool `json:"fast_dev_run,omitempty"`
	// Fingerprint is over all of the above; see Sealed. Older runs do not have it.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Data identifies the data that a run was trained on.
type Data struct {
	Protocol string `json:"protocol,omitempty"`
	// TestShare is set where it is not the protocol's own.
	TestShare float64 `json:"test_share,omitempty"`
	// Arm is set for a protocol with arms; see split.Options.
	Arm         string `json:"arm,omitempty"`
	SplitSHA256 string `json:"split_sha256,omitempty"`
	// ImagesSHA256 is over the content of all images used, in order.
	ImagesSHA256 string `json:"images_sha256,omitempty"`
	// CoarseSites says how many photos of the run have the coarse sites of the ISIC Archive,
	// as ham10000.DescribeCoarseSites does, if the network has metadata.
	CoarseSites string `json:"coarse_sites,omitempty"`
	// MetadataSHA256 is over the metadata of all images used; see
	// ham10000.Dataset.MetadataHash. Older runs do not have it.
	MetadataSHA256 string `json:"metadata_sha256,omitempty"`
	// SourceSize is the size of the photos as they lie on disk, such as "448x336";
	// see imaging.SourceSize. Older runs do not have it.
	SourceSize string `json:"source_size,omitempty"`
}

// Values are the leaves of config.json as JSON, by path such as "network.size".
// Fields that the file leaves out have no entry.
func (c Config) Values() map[string]json.RawMessage {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain structs always marshal
	}
	return leaves(text)
}

// ConfigMismatchError says that a run can't go on with another configuration.
type ConfigMismatchError struct {
	Dir    string
	Fields []FieldDifference // sorted by path
}

// FieldDifference is a value of config.json that is not as wanted: the run's value
// and the wanted one, as JSON, empty where it is not set.
type FieldDifference struct{ Path, Have, Want string }

func (e *ConfigMismatchError) Error() string {
	return fmt.Sprintf("%s can't be resumed with other settings: %s", e.Dir, differences(e.Fields, "the run has %s, now %s"))
}

// differences lists fields in words: the first few, and how many more there are. values
// is the format of the two values.
func differences(fields []FieldDifference, values string) string {
	var texts []string
	for _, f := range fields {
		at := len(texts)
		if f.Path == "regime.name" { // the reason for most of the others
			at = 0
		}
		texts = slices.Insert(texts, at, fmt.Sprintf("%s (%s)", f.Path, fmt.Sprintf(values, cmp.Or(f.Have, "none"), cmp.Or(f.Want, "none"))))
	}
	if most := 8; len(texts) > most {
		texts = append(texts[:most], fmt.Sprintf("and %d more", len(texts)-most))
	}
	return strings.Join(texts, ", ")
}

// RequireConfig returns a *ConfigMismatchError with all differences unless
// config.json is as wanted.
func (f *Folder) RequireConfig(wanted Config) error {
	have, err := f.Config()
	if err != nil {
		return err
	}
	wanted.Format, wanted.Fingerprint = have.Format, have.Fingerprint
	if fields := compare(have, wanted); len(fields) > 0 {
		return &ConfigMismatchError{Dir: f.Dir, Fields: fields}
	}
	return nil
}

// compare lists the values in which two configurations differ, sorted by path.
func compare(have, wanted Config) (fields []FieldDifference) {
	a, b := have.Values(), wanted.Values()
	paths := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if x, y := string(a[path]), string(b[path]); x != y {
			fields = append(fields, FieldDifference{path, x, y})
		}
	}
	return fields
}

// Config reads config.json. Older formats are brought to the present one in memory;
// a newer one is an error.
func (f *Folder) Config() (Config, error) {
	cfg, _, err := f.config()
	return cfg, err
}

// config reads config.json, and tells the format that the file has.
func (f *Folder) config() (cfg Config, format int, err error) {
	text, err := f.readFile(ConfigFile)
	if err != nil {
		return cfg, format, err
	}
	if text, format, err = upgrade(text); err != nil {
		return cfg, format, fmt.Errorf("reading %s: %w", f.Path(ConfigFile), err)
	}
	if err := f.decode(ConfigFile, text, &cfg); err != nil {
		return cfg, format, err
	}
	if err := spec.CheckNumbers(&cfg.Network, cfg.Regime); err != nil {
		return cfg, format, fmt.Errorf("reading %s: %w", f.Path(ConfigFile), err)
	}
	return cfg, format, nil
}

// WriteConfig writes config.json, the last file before training: a folder that
// has it can be resumed.
func (f *Folder) WriteConfig(cfg Config) error {
	cfg.Format = Format
	return f.writeJSON(ConfigFile, cfg)
}
