package run

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/atomicfile"
	"github.com/skinattn/skinattn/internal/safetensors"
)

// Kinds of checkpoints, the first part of their folders' names.
const (
	Last = "last" // weights, optimizer and training state, to go on from
	Best = "best" // the weights that did best on the validation part
)

// keepLast is how many checkpoints of kind Last are kept: one to fall back on.
const keepLast = 2

// Files of a checkpoint.
const (
	weightsFile  = "weights.safetensors"
	stateFile    = "state.json"
	manifestFile = "manifest.json" // SHA-256 of the other files
)

// manifest is manifest.json.
type manifest struct {
	SHA256 map[string]string `json:"sha256"`
}

// SaveCheckpoint writes all variables of store and the training state, under
// checkpoints/<kind>-<position>. Positions are compared as text, the greatest
// being the newest. The checkpoint appears in one step (temporary folder,
// fsync, rename); older ones of its kind go once it is there.
func (f *Folder) SaveCheckpoint(kind, position string, store *model.Store, state any) (err error) {
	dir := f.Path(CheckpointDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	temporary, err := os.MkdirTemp(dir, ".saving-")
	if err != nil {
		return fmt.Errorf("saving a checkpoint in %s: %w", dir, err)
	}
	defer os.RemoveAll(temporary)

	values, err := storeTensors(store)
	if err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	hashes := manifest{SHA256: map[string]string{}}
	write := func(name string, content func(io.Writer) error) error {
		hash := sha256.New()
		err := atomicfile.WriteFile(filepath.Join(temporary, name), func(w io.Writer) error {
			return content(io.MultiWriter(w, hash))
		})
		hashes.SHA256[name] = hex.EncodeToString(hash.Sum(nil))
		return err
	}
	err = errors.Join(
		write(weightsFile, func(w io.Writer) error { return safetensors.Write(w, values) }),
		write(stateFile, func(w io.Writer) error { return encodeIndented(w, state) }),
	)
	if err == nil {
		err = write(manifestFile, func(w io.Writer) error { return encodeIndented(w, hashes) })
	}
	if err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	final := filepath.Join(dir, kind+"-"+position)
	if err := os.RemoveAll(final); err != nil { // the same position again, after a resume
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	if err := os.Rename(temporary, final); err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	if err := atomicfile.SyncDir(dir); err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	return f.prune(kind)
}

// prune removes all but the newest checkpoints of a kind, and what an
// interrupted save left.
func (f *Folder) prune(kind string) error {
	names, err := f.checkpoints(kind)
	if err != nil {
		return err
	}
	keep := 1
	if kind == Last {
		keep = keepLast
	}
	leftovers, _ := filepath.Glob(f.Path(filepath.Join(CheckpointDir, ".saving-*")))
	for _, path := range leftovers {
		os.RemoveAll(path) // the lock says that nobody is writing there
	}
	for i := keep; i < len(names); i++ {
		if err := os.RemoveAll(f.Path(filepath.Join(CheckpointDir, names[i]))); err != nil {
			return fmt.Errorf("removing an old checkpoint: %w", err)
		}
	}
	return nil
}

// checkpoints lists the folders of a kind, the newest first.
func (f *Folder) checkpoints(kind string) ([]string, error) {
	entries, err := os.ReadDir(f.Path(CheckpointDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoints: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), kind+"-") {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(b, a) })
	return names, nil
}

// ErrNoCheckpoint says that a run has none of the kind asked for.
var ErrNoCheckpoint = errors.New("the run has no checkpoint")

// LoadCheckpoint fills store with the variables of the newest intact
// checkpoint of a kind, and state. A damaged one is set aside under
// "damaged-..." and named in a line to warn, and the one before is taken.
func (f *Folder) LoadCheckpoint(kind string, store *model.Store, state any, warn func(line string)) error {
	names, err := f.checkpoints(kind)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := f.Path(filepath.Join(CheckpointDir, name))
		values, text, err := readCheckpoint(path)
		if err == nil {
			err = json.Unmarshal(text, state)
		}
		if err != nil {
			aside := f.Path(filepath.Join(CheckpointDir, "damaged-"+name))
			os.RemoveAll(aside)
			if moveErr := os.Rename(path, aside); moveErr == nil {
				path = aside
			}
			warn(fmt.Sprintf("warning: checkpoint %s is damaged (%v); it was set aside as %s, going back to the one before", name, err, path))
			continue
		}
		return fillStore(store, values)
	}
	return fmt.Errorf("%s: %w of kind %q", f.Dir, ErrNoCheckpoint, kind)
}

// readCheckpoint reads and verifies a checkpoint folder.
func readCheckpoint(dir string) (values []safetensors.Tensor, state []byte, err error) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, nil, err
	}
	var hashes manifest
	if err := json.Unmarshal(text, &hashes); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	read := func(name string) ([]byte, error) {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != hashes.SHA256[name] {
			return nil, fmt.Errorf("%s does not have the SHA-256 of the manifest", name)
		}
		return content, nil
	}
	raw, err := read(weightsFile)
	if err != nil {
		return nil, nil, err
	}
	if state, err = read(stateFile); err != nil {
		return nil, nil, err
	}
	values, err = safetensors.Parse(raw)
	return values, state, err
}

// storeTensors copies all variables, sorted by path.
func storeTensors(store *model.Store) ([]safetensors.Tensor, error) {
	var all []safetensors.Tensor
	for v := range store.IterVariables() {
		if v.DType() != dtypes.Float32 {
			continue // GoMLX's own random state, unused here
		}
		value, err := v.Value()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", v.Path(), err)
		}
		data, err := tensors.CopyFlatData[float32](value)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", v.Path(), err)
		}
		all = append(all, safetensors.Tensor{Name: v.Path(), Shape: v.Shape().Dimensions, Data: data})
	}
	slices.SortFunc(all, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// fillStore sets the variables of store, which may be new, from values.
func fillStore(store *model.Store, values []safetensors.Tensor) error {
	for _, t := range values {
		tensor := tensors.FromFlatDataAndDimensions(t.Data, t.Shape...)
		if v := store.GetVariable(t.Name); v != nil {
			if err := v.SetValue(tensor); err != nil {
				return fmt.Errorf("setting %s: %w", t.Name, err)
			}
			continue
		}
		if _, err := store.CreateVariable(t.Name, tensor); err != nil {
			return fmt.Errorf("setting %s: %w", t.Name, err)
		}
	}
	return nil
}

func encodeIndented(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
