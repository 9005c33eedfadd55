package serve

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/testengine"
	"github.com/skinattn/skinattn/internal/testlong"
	"github.com/skinattn/skinattn/internal/testweights"
	"github.com/skinattn/skinattn/models"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/pipeline"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
	"github.com/skinattn/skinattn/pkg/skinattn/synthetic"
)

// small is a network that compiles in seconds; views may be 0.
func small(t *testing.T, views int) *skinattn.Model {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Cut, cfg.Size, cfg.Views, cfg.Oversample, cfg.Resize, cfg.MetadataUnits[0] = "block_3_depthwise", 32, views, 1.5, imaging.Antialias, 16
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m, err := skinattn.NewModel(testengine.Open(t).Backend, net, testweights.Filled(t, net.Graph), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// released opens the released model and its run.
func released(t testing.TB) (*skinattn.Model, *run.Folder) {
	t.Helper()
	folder, err := models.Released()
	if err != nil {
		t.Skip(err)
	}
	m, err := checkpoint.LoadModel(folder, testengine.Open(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m, folder
}

// Many clients at once get what package pipeline says of each photo by itself, to the last
// digit, whatever else is in the batch; and all parts of the answers are there.
func TestAnswersArePredicts(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) *skinattn.Model{
		"small":           func(t *testing.T) *skinattn.Model { return small(t, 8) },
		"small, one view": func(t *testing.T) *skinattn.Model { return small(t, 0) },
		"released": func(t *testing.T) *skinattn.Model {
			testlong.Skip(t, true)
			m, _ := released(t)
			return m
		},
	} {
		t.Run(name, func(t *testing.T) { answersArePredicts(t, open(t)) })
	}
}

func answersArePredicts(t *testing.T, m *skinattn.Model) {
	known := skinattn.Metadata{Age: 45, Sex: "female", Localization: "back"}
	type asked struct {
		photo []byte
		want  []float32
	}
	var all []asked
	// Photos that are resized, and others that are the network's size already: batches have both.
	for _, size := range []Size{{90, 60}, {m.PhotoSize() * 4 / 3, m.PhotoSize()}} {
		dir := t.TempDir()
		if err := synthetic.Generate(t.Context(), dir, synthetic.Options{Images: 8, Seed: 3, Width: size.Width, Height: size.Height}, nil); err != nil {
			t.Fatal(err)
		}
		data, err := ham10000.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range data.Records {
			path, _ := data.ImagePath(r.ImageID)
			photo, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			alone, err := pipeline.PredictFiles(t.Context(), m, []string{path}, known)
			if err != nil || alone[0].Err != nil {
				t.Fatal(err, alone[0].Err)
			}
			all = append(all, asked{photo, alone[0].Probabilities})
		}
	}
	start := time.Now()
	s, err := New(t.Context(), m, Options{Name: "a model"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	first := time.Since(start)
	<-s.batcher.warm
	t.Logf("the first answer could be there after %v, all after %v; %d photos together", first, time.Since(start), s.net.together())
	var clients sync.WaitGroup
	for client := range 8 {
		rng := rand.New(rand.NewPCG(1, uint64(client)))
		clients.Go(func() {
			for range 6 {
				q := all[rng.IntN(len(all))]
				got := answered[Prediction](t, post(t, s, "/v1/predict", q.photo, "age", "45", "sex", "female", "localization", "back"))
				for k, class := range ham10000.Classes {
					if got.Probabilities[class] != q.want[k] {
						t.Errorf("%s is %v, alone it is %v", class, got.Probabilities[class], q.want[k])
					}
				}
			}
		})
	}
	clients.Wait()

	x := answered[Explanation](t, post(t, s, "/v1/explain", all[0].photo, "sweep", "true", "class", "mel", "age", "45", "sex", "female", "localization", "back"))
	if len(x.Maps) != 2 || x.Maps[0].Method != "soft-attention" || x.Maps[1].Class != "mel" || x.View != (View{15, 0, 60, 60}) {
		t.Errorf("%d maps, view %+v", len(x.Maps), x.View)
	}
	for k, class := range ham10000.Classes {
		if off := x.Sweep.Age.Probabilities[class][9] - all[0].want[k]; off > 1e-5 || off < -1e-5 { // age 45
			t.Errorf("%s at 45 years differs by %g", class, off)
		}
		if x.Probabilities[class] != all[0].want[k] {
			t.Errorf("explain says %g of %s, predict %g", x.Probabilities[class], class, all[0].want[k])
		}
	}
}

// The server listens before it is ready: a client that comes early waits.
func TestHTTPClient(t *testing.T) {
	s := newStubServer(t, &stub{}, Options{})
	address := listening(t, s)
	body, kind := form(t, pngOf(t, probePhoto().Image()))
	answer, err := http.Post("http://"+address+"/v1/predict", kind, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var p Prediction
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil || answer.StatusCode != 200 || p.Purpose != Purpose {
		t.Error(err, answer.Status)
	}
	// The server writes no file of a photo anywhere it could.
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "multipart-*")); err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}
