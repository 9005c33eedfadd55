package likeness

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/engine"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/split"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// small is a run of a small network with random weights on synthetic lesions.
type small struct {
	eng    *engine.Engine
	model  *skinattn.Model
	folder *run.Folder
	data   *ham10000.Dataset
	parts  *split.Split
}

func newSmall(t *testing.T) *small {
	t.Helper()
	root := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "cache"))
	s := &small{eng: testengine.Open(t)}
	err := synthetic.Generate(t.Context(), filepath.Join(root, "data"), synthetic.Options{Images: 140, Seed: 3, Width: 64, Height: 48}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.data, err = ham10000.Open(filepath.Join(root, "data")); err != nil {
		t.Fatal(err)
	}
	if s.parts, err = split.New(split.ISIC2018, s.data.Records, split.Options{Seed: 1}); err != nil {
		t.Fatal(err)
	}
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Cut, cfg.Size, cfg.Oversample = "block_2_depthwise", 32, 1.5 // an early cut compiles in seconds
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := layers.Initialize(store, net.Graph.Variables(), 1); err != nil {
		t.Fatal(err)
	}
	if s.model, err = skinattn.NewModel(s.eng.Backend, net, store, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.model.Close)
	if s.folder, err = run.Create(filepath.Join(root, "run"), false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.folder.Close() })
	if err := s.folder.WriteSplit(s.parts); err != nil {
		t.Fatal(err)
	}
	return s
}

// upright is a photo of the data as the network takes it.
func (s *small) upright(t *testing.T, id string) []float32 {
	t.Helper()
	path, _ := s.data.ImagePath(id)
	photo, err := imaging.DecodeFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pixels := s.model.Resize.Resize(photo, s.model.PhotoSize())
	out := make([]float32, s.model.Size*s.model.Size*3)
	s.model.Upright(skinattn.Floats(1, func(_ int, dst []float32) { copy(dst, pixels) })).Floats(0, out)
	return out
}

// The nearest photo of a training photo is the photo itself, all others come in the order of
// their distances, and only training photos are found.
func TestNearest(t *testing.T) {
	s := newSmall(t)
	var lines []string
	log := func(line string) { lines = append(lines, line) }
	index, err := NewIndex(t.Context(), s.eng, s.model, s.folder, s.data, nil, log)
	if err != nil {
		t.Fatal(err)
	}
	train := map[string]ham10000.Record{}
	for _, row := range s.parts.Part(split.Train) {
		train[row.ImageID] = ham10000.Record{}
	}
	for _, r := range s.data.Records {
		if _, ok := train[r.ImageID]; ok {
			train[r.ImageID] = r
		}
	}
	if index.Len() != len(train) {
		t.Fatalf("the index has %d photos, the training part %d", index.Len(), len(train))
	}
	comparer, err := Open(s.model, s.folder, index)
	if err != nil {
		t.Fatal(err)
	}
	defer comparer.Close()
	if !comparer.HasIndex() || comparer.Unusual() != nil {
		t.Error("the comparer has a score, or no index")
	}
	for _, row := range s.parts.Part(split.Train)[:5] {
		photos, verdict, err := comparer.Compare(t.Context(), s.upright(t, row.ImageID), index.Len()+10)
		if err != nil || verdict != nil {
			t.Fatalf("%v, %v", verdict, err)
		}
		// Bytes of the cache are rounded.
		if photos[0].ImageID != row.ImageID || photos[0].Distance > 1e-3 || photos[0].SameLesion {
			t.Errorf("the nearest of %s is %+v", row.ImageID, photos[0])
		}
		if len(photos) != index.Len() || !slices.IsSortedFunc(photos, func(a, b Photo) int { return int(math.Copysign(1, a.Distance-b.Distance)) }) {
			t.Errorf("%d photos, or not in the order of their distances", len(photos))
		}
		lesions := map[string]bool{}
		for _, p := range photos {
			if want, ok := train[p.ImageID]; !ok || cmp.Diff(want, p.Record, cmpopts.EquateNaNs()) != "" || p.SameLesion != lesions[p.LesionID] {
				t.Errorf("%+v, the table has %+v", p, want)
			}
			lesions[p.LesionID] = true
		}
	}
	if said := strings.Join(lines, "\n"); !strings.Contains(said, "computing the embeddings of 140 images") {
		t.Errorf("the log says %q", said)
	}
	lines = nil
	if _, err := NewIndex(t.Context(), s.eng, s.model, s.folder, s.data, nil, log); err != nil || len(lines) > 0 {
		t.Errorf("the second time: %v, %q", err, lines)
	}
}

// Distances by hand: 1 less the cosine, whatever the lengths.
func TestDistances(t *testing.T) {
	rows := []float32{1, 0, 0, 1, .6, .8}
	x := &Index{records: []ham10000.Record{{ImageID: "a", LesionID: "l"}, {ImageID: "b", LesionID: "m"}, {ImageID: "c", LesionID: "l"}}, width: 2, rows: rows}
	photos := x.Nearest([]float32{3, 0}, 3)
	for i, want := range []struct {
		id       string
		distance float64
		same     bool
	}{{"a", 0, false}, {"c", .4, true}, {"b", 1, false}} {
		if p := photos[i]; p.ImageID != want.id || math.Abs(p.Distance-want.distance) > 1e-6 || p.SameLesion != want.same {
			t.Errorf("photo %d is %+v, want %+v", i, p, want)
		}
	}
	if photos := x.Nearest([]float32{0, 0}, 2); len(photos) != 2 || photos[0].ImageID != "a" || photos[0].Distance != 1 {
		t.Errorf("of zeros: %+v", photos)
	}
}

func TestFit(t *testing.T) {
	s := newSmall(t)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "broken.png"), []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	path, _ := s.data.ImagePath(s.data.Records[0].ImageID)
	opts := FitOptions{Data: s.data, Others: []Set{{"more", []string{path, path}}}, rank: 8, compared: 10}
	u, err := Fit(t.Context(), s.eng, s.model, s.folder, opts)
	if err != nil {
		t.Fatal(err)
	}
	train, val := len(s.parts.Part(split.Train)), len(s.parts.Part(split.Val))
	if u.Images != train || u.N != val || u.Rank != 8 || u.Width != s.model.EmbeddingWidth() || u.Layer != "block_2_depthwise" || u.Above > val/20 {
		t.Errorf("%+v; %d photos of training, %d of validation", u, train, val)
	}
	found := map[string]run.Compared{}
	for _, c := range u.Compared {
		found[c.Pictures] = c
		if c.AUROC < 0 || c.AUROC > 1 || c.Unusual < 0 || c.Unusual > 1 || c.N == 0 {
			t.Errorf("%+v", c)
		}
	}
	if len(found) != len(others)+2 || found["more"].N != 2 || found["noise"].N != 10 || found["synthetic lesions"].N != 10 {
		t.Errorf("measured on %+v", u.Compared)
	}
	// Even random filters tell these from lesions.
	for _, name := range []string{"noise", "screens of text", "lesion photos as negatives"} {
		if c := found[name]; c.AUROC < .99 {
			t.Errorf("%s: AUROC %.3f", name, c.AUROC)
		}
	}
	again, err := Fit(t.Context(), s.eng, s.model, s.folder, opts)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(u, again); diff != "" {
		t.Errorf("equal fits differ: %s", diff)
	}

	if err := s.folder.WriteUnusual(u); err != nil {
		t.Fatal(err)
	}
	comparer, err := Open(s.model, s.folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer comparer.Close()
	above := 0
	for _, row := range s.parts.Part(split.Val) {
		photos, verdict, err := comparer.Compare(t.Context(), s.upright(t, row.ImageID), 5)
		if err != nil || photos != nil || verdict.Threshold != u.Threshold || verdict.Unusual != (verdict.Score > u.Threshold) {
			t.Fatalf("%+v, %+v, %v", photos, verdict, err)
		}
		if verdict.Unusual {
			above++
		}
	}
	if above > u.Above+1 { // one may move over the threshold by the cache's rounding
		t.Errorf("%d validation photos are unusual, %d at the fit", above, u.Above)
	}

	opts.Others = []Set{{"broken", []string{filepath.Join(folder, "broken.png")}}}
	if _, err := Fit(t.Context(), s.eng, s.model, s.folder, opts); err == nil || !strings.Contains(err.Error(), "broken.png") {
		t.Error(err)
	}
	// Other weights than those of the fit.
	first := s.model.Graph.Variables()[0]
	if err := layers.SetVariable(s.model.Store, first, make([]float32, first.Shape.Size())); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.model, s.folder, nil); err == nil || !strings.Contains(err.Error(), "unusual.json is of other weights") {
		t.Error(err)
	}
}

// Data without the run's photos is an error that names the folder.
func TestOtherData(t *testing.T) {
	s := newSmall(t)
	few := *s.data
	few.Records = s.data.Records[:3]
	_, err := NewIndex(t.Context(), s.eng, s.model, s.folder, &few, nil, nil)
	if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), few.Dir) {
		t.Error(err)
	}
}
