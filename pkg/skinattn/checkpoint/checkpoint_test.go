package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/google/go-cmp/cmp"

	"github.com/skinattn/skinattn/internal/testdisk"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

// storeOf is a store with a weight of four equal values and a scalar.
func storeOf(t *testing.T, value float32) *model.Store {
	t.Helper()
	store := model.NewStore()
	for path, tensor := range map[string]*tensors.Tensor{
		"/conv/kernel":   tensors.FromFlatDataAndDimensions([]float32{value, value, value, value}, 2, 2),
		"/adam/m/kernel": tensors.FromFlatDataAndDimensions([]float32{-value}),
	} {
		if _, err := store.CreateVariable(path, tensor); err != nil {
			t.Fatal(err)
		}
	}
	return store
}

// valueOf is the value that a store of storeOf was made with.
func valueOf(t *testing.T, store *model.Store) float32 {
	t.Helper()
	values, err := tensors.CopyFlatData[float32](store.GetVariable("/conv/kernel").MustValue())
	if err != nil {
		t.Fatal(err)
	}
	moment := tensors.ToScalar[float32](store.GetVariable("/adam/m/kernel").MustValue())
	if values[0] != values[3] || moment != -values[0] {
		t.Errorf("values %v, %v", values, moment)
	}
	return values[0]
}

type testState struct {
	Epoch int
	Rate  float64
}

// saved is a locked folder with checkpoints of the given epochs.
func saved(t *testing.T, kind string, epochs ...int) *run.Folder {
	t.Helper()
	f, err := run.Create(t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	for _, epoch := range epochs {
		saveEpoch(t, f, kind, epoch)
	}
	return f
}

func saveEpoch(t *testing.T, f *run.Folder, kind string, epoch int) {
	t.Helper()
	if err := Save(f, kind, fmt.Sprintf("epoch%05d", epoch), storeOf(t, float32(epoch)), testState{epoch, .1}); err != nil {
		t.Fatal(err)
	}
}

// load loads the newest checkpoint into an empty store.
func load(t *testing.T, f *run.Folder, kind string) (value float32, state testState, warnings string, err error) {
	t.Helper()
	store := model.NewStore()
	err = Load(f, kind, store, &state, func(line string) { warnings += line + "\n" })
	if err == nil {
		value = valueOf(t, store)
	}
	return value, state, warnings, err
}

// names are the checkpoints of a run.
func names(t *testing.T, f *run.Folder) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(f.Path(run.CheckpointDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestCheckpointRoundTrip(t *testing.T) {
	f := saved(t, Last, 3)
	if value, state, warnings, err := load(t, f, Last); value != 3 || state != (testState{3, .1}) || warnings != "" || err != nil {
		t.Errorf("%g, %v, %q, %v", value, state, warnings, err)
	}
	// Into a store that has the variables already; and the state alone.
	store, state := storeOf(t, 9), testState{}
	if err := Load(f, Last, store, &state, nil); err != nil || valueOf(t, store) != 3 {
		t.Errorf("%g, %v", valueOf(t, store), err)
	}
	if err := Load(f, Last, nil, &state, nil); err != nil || state.Epoch != 3 {
		t.Errorf("%v, %v", state, err)
	}
	// In another folder.
	moved := filepath.Join(t.TempDir(), "elsewhere")
	f.Close()
	if err := os.Rename(f.Dir, moved); err != nil {
		t.Fatal(err)
	}
	if value, _, _, err := load(t, &run.Folder{Dir: moved}, Last); value != 3 || err != nil {
		t.Errorf("moved: %g, %v", value, err)
	}
}

// The last two of each kind stay, however many there were; kinds do not mix.
func TestKept(t *testing.T) {
	f := saved(t, Last, 1, 2, 3, 10)
	for _, epoch := range []int{1, 3, 7} {
		saveEpoch(t, f, Best, epoch)
	}
	want := []string{"best-epoch00003", "best-epoch00007", "last-epoch00003", "last-epoch00010"}
	if diff := cmp.Diff(want, names(t, f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := Newest(f, Last); got != f.Path(filepath.Join(run.CheckpointDir, "last-epoch00010")) {
		t.Errorf("newest: %s", got)
	}
	if err := RemoveNewer(f, Best, "epoch00005"); err != nil {
		t.Error(err)
	}
	if err := RemoveNewer(f, Last, "epoch00010"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"best-epoch00003", "last-epoch00003", "last-epoch00010"}, names(t, f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := RemoveNewer(f, Best, ""); err != nil || Newest(f, Best) != "" {
		t.Errorf("%v, %s", err, Newest(f, Best))
	}
}

// A checkpoint can be damaged in several ways. Each time Load names it, renames it and
// uses the checkpoint before.
func TestDamagedCheckpoints(t *testing.T) {
	change := func(name string, edit func(content []byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			write(t, path, string(edit(content)))
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(content []byte) []byte { content[len(content)/2] ^= 1; return content }
	cut := func(content []byte) []byte { return content[:len(content)-1] }
	empty := func([]byte) []byte { return nil }
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		reason string
	}{
		"a bit of the weights":  {change(WeightsFile, flip), "weights.safetensors does not have the SHA-256 of the manifest"},
		"weights cut":           {change(WeightsFile, cut), "weights.safetensors does not have the SHA-256"},
		"weights empty":         {change(WeightsFile, empty), "weights.safetensors does not have the SHA-256"},
		"no weights":            {remove(WeightsFile), "no such file"},
		"a bit of the state":    {change(stateFile, flip), "state.json does not have the SHA-256"},
		"no state":              {remove(stateFile), "no such file"},
		"manifest empty":        {change(manifestFile, empty), "manifest.json"},
		"manifest without them": {change(manifestFile, func([]byte) []byte { return []byte("{}") }), "does not have the SHA-256"},
		"no manifest":           {remove(manifestFile), "no such file"},
		"a file": {func(t *testing.T, dir string) {
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
			write(t, dir, "")
		}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			f := saved(t, Last, 1, 2)
			newest := Newest(f, Last)
			c.damage(t, newest)

			// A reader without the lock does not rename it.
			value, state, warnings, err := load(t, &run.Folder{Dir: f.Dir}, Last)
			if value != 1 || state.Epoch != 1 || err != nil || strings.Contains(warnings, "set aside") || len(names(t, f)) != 2 {
				t.Errorf("reading: %g, %v, %q, %v", value, state, warnings, err)
			}
			value, state, warnings, err = load(t, f, Last)
			if value != 1 || state.Epoch != 1 || err != nil {
				t.Errorf("%g, %v, %v", value, state, err)
			}
			for _, part := range []string{"warning: checkpoint " + newest + " is damaged (", c.reason, "set aside as damaged-last-epoch00002; taking the one before"} {
				if !strings.Contains(warnings, part) {
					t.Errorf("the warning has no %q: %s", part, warnings)
				}
			}
			if diff := cmp.Diff([]string{"damaged-last-epoch00002", "last-epoch00001"}, names(t, f)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			// A second damage at the same place takes the place of the first.
			saveEpoch(t, f, Last, 2)
			c.damage(t, newest)
			if value, _, _, err := load(t, f, Last); value != 1 || err != nil {
				t.Errorf("again: %g, %v", value, err)
			}
		})
	}
}

func TestAllDamaged(t *testing.T) {
	f := saved(t, Last, 1, 2)
	for _, name := range names(t, f) {
		write(t, f.Path(filepath.Join(run.CheckpointDir, name, WeightsFile)), "")
	}
	_, _, warnings, err := load(t, f, Last)
	if !errors.Is(err, ErrNone) || strings.Count(warnings, "damaged (") != 2 {
		t.Errorf("%v, %q", err, warnings)
	}
	if _, _, _, err := load(t, f, Best); !errors.Is(err, ErrNone) {
		t.Errorf("none of the kind: %v", err)
	}
}

// A position stands for one state: an intact checkpoint stays, a damaged one
// is written anew.
func TestSamePositionAgain(t *testing.T) {
	f := saved(t, Last, 1)
	newest := Newest(f, Last)
	before, err := os.Stat(newest)
	if err != nil {
		t.Fatal(err)
	}
	saveEpoch(t, f, Last, 1)
	if after, err := os.Stat(newest); err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written anew: %v", err)
	}
	write(t, filepath.Join(newest, WeightsFile), "")
	saveEpoch(t, f, Last, 1)
	if value, _, warnings, err := load(t, f, Last); value != 1 || warnings != "" || err != nil {
		t.Errorf("%g, %q, %v", value, warnings, err)
	}
}

func TestNoCheckpointHoldsNaN(t *testing.T) {
	f := saved(t, Last, 1)
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		err := Save(f, Last, "epoch00002", storeOf(t, float32(bad)), testState{})
		// The first variable by path; storeOf gives it the opposite sign.
		if want := fmt.Sprintf("saving checkpoint last-epoch00002: variable /adam/m/kernel holds %g", float32(-bad)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%g: %v", bad, err)
		}
	}
	// JSON can't hold NaN.
	if err := Save(f, Last, "epoch00002", storeOf(t, 2), testState{Rate: math.NaN()}); err == nil {
		t.Error("a state with NaN was saved")
	}
	if diff := cmp.Diff([]string{"last-epoch00001"}, names(t, f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSaveOnAFullDisk(t *testing.T) {
	disk := testdisk.New(t, 64<<10)
	f, err := run.Create(filepath.Join(disk.Dir, "run"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	saveEpoch(t, f, Last, 1)
	write(t, filepath.Join(disk.Dir, "ballast"), "")
	ballast := make([]byte, 4<<10)
	for err == nil {
		var file *os.File
		if file, err = os.OpenFile(filepath.Join(disk.Dir, "ballast"), os.O_APPEND|os.O_WRONLY, 0); err == nil {
			_, err = file.Write(ballast)
			file.Close()
		}
	}
	err = Save(f, Last, "epoch00002", storeOf(t, 2), testState{Epoch: 2})
	if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "saving checkpoint last-epoch00002: ") {
		t.Errorf("error %v", err)
	}
	if value, _, warnings, err := load(t, f, Last); value != 1 || warnings != "" || err != nil {
		t.Errorf("%g, %q, %v", value, warnings, err)
	}
	if diff := cmp.Diff([]string{"last-epoch00001"}, names(t, f)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := os.Remove(filepath.Join(disk.Dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	saveEpoch(t, f, Last, 2)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Load passes over a damaged checkpoint without a log, too, and leaves it for those who tell about it.
func TestLoadWithoutALog(t *testing.T) {
	f := saved(t, Last, 1, 2)
	write(t, filepath.Join(Newest(f, Last), WeightsFile), "x")
	var state testState
	if err := Load(f, Last, model.NewStore(), &state, nil); err != nil || state.Epoch != 1 {
		t.Errorf("epoch %d, %v", state.Epoch, err)
	}
	if diff := cmp.Diff([]string{"last-epoch00001", "last-epoch00002"}, names(t, f)); diff != "" {
		t.Error(diff)
	}
}

// A checkpoint of a folder that is not on disk, such as an embedded one.
func TestLoadFromFS(t *testing.T) {
	f := saved(t, Best, 3, 4)
	write(t, f.Path(run.ConfigFile), "{}")
	if err := os.WriteFile(f.Path(run.CheckpointDir+"/best-epoch00004/state.json"), nil, 0o644); err != nil { // damaged
		t.Fatal(err)
	}
	embedded, err := run.OpenFS(os.DirFS(f.Dir), "models/name")
	if err != nil {
		t.Fatal(err)
	}
	value, state, warnings, err := load(t, embedded, Best)
	if err != nil || value != 3 || state.Epoch != 3 || !strings.Contains(warnings, "models/name/checkpoints/best-epoch00004") {
		t.Errorf("%v, %+v, %v; %s", value, state, err, warnings)
	}
	if _, _, _, err := load(t, embedded, Last); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}
