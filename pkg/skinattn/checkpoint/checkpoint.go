// Package checkpoint writes and reads the checkpoints of a run folder, and loads
// the network of a run with its best weights.
package checkpoint

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
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// Kinds of checkpoints, the first part of their folders' names.
const (
	Last = "last" // weights, optimizer and training state, to go on from
	Best = "best" // the kept weights: of the best epoch, or of the last one where the regime says so
)

// keep is the number of checkpoints that stay of each kind: the newest, and the one before
// in case the newest is damaged.
const keep = 2

// WeightsFile is the file of a checkpoint that has the variables.
const WeightsFile = "weights.safetensors"

// The other files of a checkpoint.
const (
	stateFile    = "state.json"
	manifestFile = "manifest.json" // SHA-256 of the other files
)

// damagedPrefix begins the new name of a damaged checkpoint.
const damagedPrefix = "damaged-"

// manifest is the content of manifestFile.
type manifest struct {
	SHA256 map[string]string `json:"sha256"`
}

// Save writes all variables of store and the training state to
// checkpoints/<kind>-<position>. The greatest position, as text, is the newest. The
// checkpoint appears in one step (temporary folder, fsync, rename); then Save removes all
// but the two newest of its kind. An intact checkpoint at the same position stays, for a
// position stands for one state of a run. NaN and infinities in variables are an error.
func Save(f *run.Folder, kind, position string, store *model.Store, state any) error {
	if err := save(f, kind, position, store, state); err != nil {
		return fmt.Errorf("saving checkpoint %s-%s: %w", kind, position, err)
	}
	return prune(f, kind)
}

func save(f *run.Folder, kind, position string, store *model.Store, state any) error {
	if err := f.Writable(); err != nil {
		return err
	}
	dir := f.Path(run.CheckpointDir)
	final := filepath.Join(dir, kind+"-"+position)
	if _, _, err := readCheckpoint(f, kind+"-"+position); err == nil {
		return nil
	}
	values, err := storeTensors(store)
	if err != nil {
		return err
	}
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		if err := atomicfile.SyncDir(f.Dir); err != nil {
			return err
		}
	case !errors.Is(err, os.ErrExist):
		return err
	}
	return atomicfile.WriteDir(final, run.SavingPrefix, func(temporary string) error {
		hashes := manifest{SHA256: map[string]string{}}
		write := func(name string, content func(io.Writer) error) error {
			hash := sha256.New()
			err := atomicfile.WriteFile(filepath.Join(temporary, name), func(w io.Writer) error {
				return content(io.MultiWriter(w, hash))
			})
			hashes.SHA256[name] = hex.EncodeToString(hash.Sum(nil))
			return err
		}
		if err := write(WeightsFile, func(w io.Writer) error { return safetensors.Write(w, values) }); err != nil {
			return err
		}
		if err := write(stateFile, func(w io.Writer) error { return encodeIndented(w, state) }); err != nil {
			return err
		}
		if err := write(manifestFile, func(w io.Writer) error { return encodeIndented(w, hashes) }); err != nil {
			return err
		}
		return os.RemoveAll(final) // a damaged checkpoint that nobody has read yet
	})
}

// prune removes all but the newest checkpoints of a kind.
func prune(f *run.Folder, kind string) error {
	names, err := list(f, kind)
	if err != nil {
		return err
	}
	return remove(f, names[min(keep, len(names)):])
}

// remove removes checkpoints.
func remove(f *run.Folder, names []string) error {
	for _, name := range names {
		if err := os.RemoveAll(f.Path(filepath.Join(run.CheckpointDir, name))); err != nil {
			return fmt.Errorf("removing an old checkpoint: %w", err)
		}
	}
	return nil
}

// RemoveNewer removes the checkpoints of a kind that are newer than a position:
// after a return to that position they belong to a discarded future.
func RemoveNewer(f *run.Folder, kind, position string) error {
	names, err := list(f, kind)
	if err != nil {
		return err
	}
	return remove(f, slices.DeleteFunc(names, func(name string) bool { return name <= kind+"-"+position }))
}

// Newest is the path of the newest checkpoint of a kind, whether intact or damaged, and ""
// without any.
func Newest(f *run.Folder, kind string) string {
	names, err := list(f, kind)
	if err != nil || len(names) == 0 {
		return ""
	}
	return f.Path(filepath.Join(run.CheckpointDir, names[0]))
}

// list lists the checkpoints of a kind, the newest first.
func list(f *run.Folder, kind string) ([]string, error) {
	entries, err := f.ReadDir(run.CheckpointDir)
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

// ErrNone says that a run has no intact checkpoint of a kind. A run has its first
// checkpoint after an epoch, or sooner if it saves within epochs.
var ErrNone = errors.New("the run has no checkpoint")

// Load fills state, and store unless it is nil, from the newest intact checkpoint of a
// kind. It passes over damaged checkpoints: log gets a line about each, and in a locked folder
// Load renames them to "damaged-...". With a nil log it leaves them where they are, so that whoever
// goes on from the checkpoint hears of them. Without an intact checkpoint the error is an ErrNone.
func Load(f *run.Folder, kind string, store *model.Store, state any, log func(line string)) error {
	names, err := list(f, kind)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := f.Path(filepath.Join(run.CheckpointDir, name))
		values, text, err := readCheckpoint(f, name)
		if err == nil {
			err = json.Unmarshal(text, state)
		}
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("reading checkpoint %s: %w", path, err)
		}
		if err != nil && log == nil {
			continue
		}
		if err != nil {
			say(log, "warning: checkpoint %s is damaged (%v)%s; taking the one before", path, err, setAside(f, name))
			continue
		}
		if store == nil {
			return nil
		}
		return fillStore(store, values)
	}
	return fmt.Errorf("%s: %w of kind %q that is intact", f.Dir, ErrNone, kind)
}

// setAside renames a damaged checkpoint and returns words about it for the log. A process
// without the lock leaves the folder to the process that may be writing there.
func setAside(f *run.Folder, name string) string {
	if !f.Locked() {
		return ""
	}
	aside := f.Path(filepath.Join(run.CheckpointDir, damagedPrefix+name))
	os.RemoveAll(aside) // an earlier damaged checkpoint at the same position
	if err := os.Rename(f.Path(filepath.Join(run.CheckpointDir, name)), aside); err != nil {
		return fmt.Sprintf(" and can't be set aside (%v)", err)
	}
	return " and was set aside as " + filepath.Base(aside)
}

// readCheckpoint reads and verifies a checkpoint.
func readCheckpoint(f *run.Folder, checkpoint string) (values []safetensors.Tensor, state []byte, err error) {
	dir := run.CheckpointDir + "/" + checkpoint + "/"
	text, err := f.ReadFile(dir + manifestFile)
	if err != nil {
		return nil, nil, err
	}
	var hashes manifest
	if err := json.Unmarshal(text, &hashes); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", manifestFile, err)
	}
	read := func(name string) ([]byte, error) {
		content, err := f.ReadFile(dir + name)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != hashes.SHA256[name] {
			return nil, fmt.Errorf("%s does not have the SHA-256 of the manifest", name)
		}
		return content, nil
	}
	raw, err := read(WeightsFile)
	if err != nil {
		return nil, nil, err
	}
	if state, err = read(stateFile); err != nil {
		return nil, nil, err
	}
	values, err = safetensors.Parse(raw)
	return values, state, err
}

// storeTensors copies all variables, sorted by path. NaN and infinities are an error.
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
	for _, v := range all {
		if i := slices.IndexFunc(v.Data, func(x float32) bool { return x-x != 0 }); i >= 0 {
			return nil, fmt.Errorf("variable %s holds %g", v.Name, v.Data[i])
		}
	}
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

// say writes a line to log, which may be nil.
func say(log func(line string), format string, args ...any) {
	if log != nil {
		log(fmt.Sprintf(format, args...))
	}
}

func encodeIndented(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
