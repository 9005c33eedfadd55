package crate

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

var published = Options{Published: time.Date(2026, 1, 31, 15, 0, 0, 0, time.UTC)}

// committed is a run of the repository, whose split leaks.
const committed = "../../../results/mobilenet_v2-paper-128px-seed1"

// copied is a copy of the committed run under another name, without some files.
func copied(t *testing.T, name string, without ...string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.CopyFS(dir, os.DirFS(committed)); err != nil {
		t.Fatal(err)
	}
	for _, file := range without {
		if err := os.Remove(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// read returns the entities of a crate's description by id.
func read(t *testing.T, dir string) map[string]map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, MetadataFile))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Context string           `json:"@context"`
		Graph   []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Context != "https://w3id.org/ro/crate/1.2/context" {
		t.Errorf("the context is %s", doc.Context)
	}
	entities := map[string]map[string]any{}
	for _, e := range doc.Graph {
		id := e["@id"].(string)
		if entities[id] != nil {
			t.Errorf("%s is described twice", id)
		}
		entities[id] = e
	}
	return entities
}

// ids are the references in a value.
func ids(value any) (out []string) {
	switch v := value.(type) {
	case map[string]any:
		if id, ok := v["@id"].(string); ok && len(v) == 1 {
			return []string{id}
		}
	case []any:
		for _, e := range v {
			out = append(out, ids(e)...)
		}
	}
	return out
}

// The description is compared with the files on disk, not with what wrote it: every file is
// described, with its size and its checksum, and hangs on the root by hasPart.
func TestDescriptionFitsFiles(t *testing.T) {
	dir := copied(t, "my run #1 100%ä")
	writeFile(t, filepath.Join(dir, "figures", "roc curves.svg"), "<svg/>")
	writeFile(t, filepath.Join(dir, "checkpoints", "best-epoch00001", "weights.safetensors"), "weights")
	writeFile(t, filepath.Join(dir, ".lock"), "")
	out := filepath.Join(t.TempDir(), "crate")
	files, err := Write(out, []string{dir}, published)
	if err != nil {
		t.Fatal(err)
	}
	entities := read(t, out)
	reached := map[string]bool{}
	var walk func(id string)
	walk = func(id string) {
		reached[id] = true
		for _, part := range ids(entities[id]["hasPart"]) {
			walk(part)
		}
	}
	walk("./")
	count := 0
	err = filepath.WalkDir(out, func(full string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		count++
		name, _ := filepath.Rel(out, full)
		if name == MetadataFile {
			return nil
		}
		var found map[string]any
		for id, e := range entities {
			if plain, err := url.PathUnescape(id); err == nil && plain == filepath.ToSlash(name) && reached[id] {
				found = e
				if _, err := url.Parse(id); err != nil {
					t.Errorf("%s is no address: %v", id, err)
				}
			}
		}
		if found == nil {
			t.Errorf("%s is not described, or not part of the root", name)
			return nil
		}
		content, err := os.ReadFile(full)
		sum := sha256.Sum256(content)
		if found["sha256"] != hex.EncodeToString(sum[:]) || found["contentSize"] != strconv.Itoa(len(content)) {
			t.Errorf("%s: size %v, checksum %v", name, found["contentSize"], found["sha256"])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Nine files of the run, a figure, the description; no lock, no checkpoint.
	if entries, _ := os.ReadDir(committed); count != len(entries)+2 || files != count {
		t.Errorf("%d files, Write says %d; the run has %d", count, files, len(entries))
	}
	for id, e := range entities {
		for key, value := range e {
			for _, to := range ids(value) {
				if entities[to] == nil && key != "conformsTo" {
					t.Errorf("%s of %s refers to %s, which is not described", key, id, to)
				}
			}
		}
	}
	action := entities["#run-my%20run%20%231%20100%25ä"]
	if action["@type"] != "CreateAction" || action["actionStatus"] != "http://schema.org/CompletedActionStatus" || !slices.Contains(ids(action["object"]), ham10000) {
		t.Errorf("the action is %v", action)
	}
	// From results/mobilenet_v2-paper-128px-seed1/split.json and metrics.json.
	for id, wanted := range map[string]string{"./": "Leaky: 42.4%", "my%20run%20%231%20100%25ä/": "Leaky: 42.4%"} {
		if text := entities[id]["description"].(string); !strings.Contains(text, wanted) {
			t.Errorf("the description of %s is %q, without %q", id, text, wanted)
		}
	}
	if date := entities["./"]["datePublished"]; date != "2026-01-31" {
		t.Errorf("published on %v", date)
	}
	if accuracy := entities["#my%20run%20%231%20100%25ä/accuracy"]["value"].(float64); accuracy < .7795 || accuracy > .7805 {
		t.Errorf("accuracy %v, the README has .780", accuracy)
	}
}

func TestCheckpointsOnDemand(t *testing.T) {
	dir := copied(t, "run")
	writeFile(t, filepath.Join(dir, "checkpoints", "best-epoch00001", "weights.safetensors"), "weights")
	opts := published
	opts.Checkpoints = true
	out := filepath.Join(t.TempDir(), "crate")
	if _, err := Write(out, []string{dir}, opts); err != nil {
		t.Fatal(err)
	}
	if e := read(t, out)["run/checkpoints/best-epoch00001/weights.safetensors"]; e == nil || e["contentSize"] != "7" {
		t.Errorf("the weights are described as %v", e)
	}
}

// A caveat must not get lost: a run without its metrics or its split says so.
func TestCaveatsOfIncompleteRuns(t *testing.T) {
	out := filepath.Join(t.TempDir(), "crate")
	dir := copied(t, "run", "metrics.json", "split.csv")
	if err := (&run.Folder{Dir: dir}).AddResumption(run.Resumption{Epoch: 3, Step: 70, Notes: []string{"the last checkpoint was lost"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(out, []string{dir}, published); err != nil {
		t.Fatal(err)
	}
	entities := read(t, out)
	text := entities["./"]["description"].(string)
	for _, wanted := range []string{"a leak can't be ruled out", "not finished", "resumed after epoch 3, step 70: the last checkpoint was lost."} {
		if !strings.Contains(text, wanted) {
			t.Errorf("the description lacks %q: %s", wanted, text)
		}
	}
	if status, ok := entities["#run-run"]["actionStatus"]; ok {
		t.Errorf("an unfinished training has the status %v", status)
	}
}

func TestZipHasEqualBytes(t *testing.T) {
	var archives [][]byte
	for range 2 {
		out := filepath.Join(t.TempDir(), "crate.ZIP")
		if _, err := Write(out, []string{committed}, published); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, content)
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("equal runs give different archives")
	}
	archive, err := zip.NewReader(bytes.NewReader(archives[0]), int64(len(archives[0])))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(archive.File, func(f *zip.File) bool { return f.Name == MetadataFile }) {
		t.Error("the description is not in the archive's root")
	}
}

func TestRefusals(t *testing.T) {
	dir := copied(t, "mobilenet_v2-paper-128px-seed1")
	occupied := t.TempDir()
	writeFile(t, filepath.Join(occupied, "file"), "")
	free := filepath.Join(t.TempDir(), "crate")
	same, ok := errors.AsType[*SameNameError](second(Write(free, []string{committed, dir}, published)))
	if !ok || same.First != committed {
		t.Errorf("two runs of one name: %v", same)
	}
	if err := second(Write(occupied, []string{dir}, published)); !errors.Is(err, ErrOccupied) {
		t.Errorf("a folder in use: %v", err)
	}
	if err := second(Write(filepath.Join(occupied, "file"), []string{dir}, published)); !errors.Is(err, ErrOccupied) {
		t.Errorf("a file in the place of the folder: %v", err)
	}
	if _, ok := errors.AsType[*run.NotFolderError](second(Write(free, []string{occupied}, published))); !ok {
		t.Error("a folder that is no run is taken")
	}
	writeFile(t, filepath.Join(dir, "metrics.json"), "{")
	for _, out := range []string{free, free + ".zip"} {
		if err := second(Write(out, []string{dir}, published)); err == nil || !strings.Contains(err.Error(), "metrics.json") {
			t.Errorf("damaged metrics: %v", err)
		}
	}
	if left, _ := os.ReadDir(filepath.Dir(free)); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func second(_ int, err error) error { return err }
