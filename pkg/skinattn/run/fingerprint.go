package run

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skinattn/skinattn/internal/oneline"
)

// fingerprintPath is the one value of config.json that the fingerprint is not over.
const fingerprintPath = "fingerprint"

// Sealed returns c with its fingerprint: a SHA-256 over all other values, among which are
// the checksums of photos, their metadata, split and first weights.
func (c Config) Sealed() Config {
	c.Format, c.Fingerprint = Format, ""
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // plain structs always marshal
	}
	c.Fingerprint = fingerprint(text)
	return c
}

// fingerprint is the SHA-256, in hexadecimal, over the values of a config.json as they are
// written, each with its path. Indents and the order of fields do not change it.
func fingerprint(text []byte) string {
	values := leaves(text)
	hash := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(values)) {
		var value bytes.Buffer
		if path == fingerprintPath || json.Compact(&value, values[path]) != nil {
			continue
		}
		fmt.Fprintf(hash, "%q %s\n", path, value.Bytes())
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// leaves are the values of JSON text that are no objects, by path such as "network.size".
func leaves(text []byte) map[string]json.RawMessage {
	found := map[string]json.RawMessage{}
	var walk func(path string, node json.RawMessage)
	walk = func(path string, node json.RawMessage) {
		var object map[string]json.RawMessage
		if json.Unmarshal(node, &object) != nil || object == nil { // null is no object either
			found[path] = node
		}
		for key, child := range object {
			walk(strings.TrimPrefix(path+"."+key, "."), child)
		}
	}
	walk("", text)
	return found
}

// EditedError says that config.json is not as it was when the run began.
type EditedError struct {
	Dir string
	// Fields are the values that differ, where they can be told: what a checkpoint was
	// made with, and what config.json has now.
	Fields []FieldDifference
}

func (e *EditedError) Error() string {
	text := fmt.Sprintf("%s/%s was changed after the run began", e.Dir, ConfigFile)
	if len(e.Fields) > 0 {
		text += ": " + differences(e.Fields, "then %s, now %s")
	}
	return text
}

// CheckFingerprint returns an *EditedError if config.json does not have the fingerprint
// that it states. known is false for a run of an older version, which states none.
func (f *Folder) CheckFingerprint() (known bool, err error) {
	text, err := f.readFile(ConfigFile)
	if err != nil {
		return false, err
	}
	var stated struct {
		Fingerprint string `json:"fingerprint"`
	}
	if err := json.Unmarshal(text, &stated); err != nil {
		return false, fmt.Errorf("reading %s: %w", f.Path(ConfigFile), oneline.JSON(text, err))
	}
	switch stated.Fingerprint {
	case "":
		return false, nil
	case fingerprint(text):
		return true, nil
	}
	return true, &EditedError{Dir: f.Dir}
}

// mayDiffer are the paths of values in which a run may differ from its checkpoints: the
// epochs can be changed, which changes the fingerprint, and 'runs migrate' fills the size of
// the photos in.
var mayDiffer = []string{"regime.epochs", "data.source_size", fingerprintPath}

// Changed lists what is now otherwise than in then, the configuration that a checkpoint
// was made with, apart from what may change in the course of a run.
func Changed(then, now Config) []FieldDifference {
	then.Format = now.Format
	return slices.DeleteFunc(compare(then, now), func(d FieldDifference) bool {
		return slices.Contains(mayDiffer, d.Path) && d.Want != "" && (d.Have != "" || d.Path != fingerprintPath)
	})
}
