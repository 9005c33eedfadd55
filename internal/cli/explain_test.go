package cli

import (
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/ml/model"

	"github.com/skinattn/skinattn/internal/npy"
	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/checkpoint"
	"github.com/skinattn/skinattn/pkg/skinattn/keras"
	"github.com/skinattn/skinattn/pkg/skinattn/layers"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// untrainedRun is a run folder of a small network with random weights.
func untrainedRun(t *testing.T) string {
	t.Helper()
	cfg, err := skinattn.AuthorsNetwork("mobilenet_v2", spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Size, cfg.Cut, cfg.MetadataUnits[0] = 32, "block_4_depthwise", 16
	net, err := skinattn.NewNetwork(cfg)
	if err != nil {
		t.Fatal(err)
	}
	store := model.NewStore()
	if err := layers.Initialize(store, net.Graph.Variables(), 1); err != nil {
		t.Fatal(err)
	}
	folder, err := run.Create(filepath.Join(t.TempDir(), "run"), false)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if err := folder.WriteConfig(run.Config{Network: cfg, Init: "random", Seed: 1}); err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.Save(folder, checkpoint.Best, "epoch00001", store, struct{}{}); err != nil {
		t.Fatal(err)
	}
	return folder.Dir
}

// writePNG writes a generated photo of 48 x 36 pixels, or its mask.
func writePNG(t *testing.T, path string, mask bool) string {
	t.Helper()
	pixels := keras.FillImage("photo", 48)
	img := image.NewRGBA(image.Rect(0, 0, 48, 36))
	for y := range 36 {
		for x := range 48 {
			p := pixels[3*(y*48+x):]
			c := color.RGBA{uint8(p[0]), uint8(p[1]), uint8(p[2]), 255}
			if mask {
				c = color.RGBA{0, 0, 0, 255}
				if x > 15 && x < 30 && y > 10 && y < 25 {
					c = color.RGBA{255, 255, 255, 255}
				}
			}
			img.SetRGBA(x, y, c)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExplain(t *testing.T) {
	t.Setenv("SKINATTN_DATA", "")
	t.Setenv("SKINATTN_ENGINE", "go")
	dir, folder := t.TempDir(), untrainedRun(t)
	photo, mask := writePNG(t, filepath.Join(dir, "a.png"), false), writePNG(t, filepath.Join(dir, "m.png"), true)
	square := filepath.Join(dir, "square.png")
	if f, err := os.Create(square); err != nil || png.Encode(f, image.NewGray(image.Rect(0, 0, 9, 9))) != nil || f.Close() != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.jpg")
	if err := os.WriteFile(bad, []byte("no photo"), 0o644); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	arguments := func(more ...string) []string {
		return append([]string{"explain", "--run", folder, "--out", out}, more...)
	}

	// The bad file has an entry, and the other file has its maps and picture.
	code, stdout, stderr := call(t, arguments(photo, bad, "--class", "mel", "--method", "attention-heads,grad-cam,smoothgrad,occlusion",
		"--samples", "2", "--seed", "5", "--patch", "16", "--values", "npy", "--json", "--quiet")...)
	if code != 1 || !strings.Contains(stderr, "1 image could not be read") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	var rows []explanationRow
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || len(rows) != 2 {
		t.Fatalf("%v in %s", err, stdout)
	}
	if rows[1].Image != bad || rows[1].Error == "" || rows[1].Maps != nil {
		t.Errorf("the bad file's entry is %+v", rows[1])
	}
	r := rows[0]
	if r.Image != photo || r.Class != "mel" || r.Prediction == "" || r.Error != "" || *r.Probability != r.Probabilities["mel"] || r.Metadata == nil || len(r.Maps) != 19 {
		t.Errorf("the entry is %+v", r)
	}
	for _, m := range r.Maps {
		content, err := os.ReadFile(m.File)
		if err != nil {
			t.Error(err)
			continue
		}
		shape, _, err := npy.Read(strings.NewReader(string(content)), int64(len(content)))
		if err != nil || len(shape) != 2 || shape[0] != m.Height || shape[1] != m.Width {
			t.Errorf("%s has shape %v, want %d x %d: %v", m.File, shape, m.Height, m.Width, err)
		}
	}
	if m := r.Maps[16]; m.Method != "grad-cam" || m.Layer != "block_4_depthwise" || filepath.Base(m.File) != "a-grad-cam-mel.npy" {
		t.Errorf("the Grad-CAM is %+v", m)
	}
	if m := r.Maps[17]; m.Samples != 2 || *m.Seed != 5 || *m.Noise != .15 {
		t.Errorf("the SmoothGrad is %+v", m)
	}
	if m := r.Maps[18]; m.Patch != 16 || m.Stride != 8 || m.Fill != "mean" || m.Height != 4 {
		t.Errorf("the occlusion is %+v", m)
	}
	var beside explanationRow
	if raw, err := os.ReadFile(filepath.Join(out, "a-mel.json")); err != nil || json.Unmarshal(raw, &beside) != nil || beside.Overlay != r.Overlay {
		t.Errorf("the file beside the maps has %+v: %v", beside, err)
	}
	if f, err := os.Open(r.Overlay); err != nil {
		t.Error(err)
	} else {
		defer f.Close()
		if _, err := png.Decode(f); err != nil {
			t.Error(err)
		}
	}

	// The prediction equals the answer of predict, and its class is explained by default; the row names the mask.
	code, stdout, stderr = call(t, arguments(photo, "--mask", mask, "--json", "--quiet")...)
	var explained []explanationRow
	if err := json.Unmarshal([]byte(stdout), &explained); code != 0 || err != nil {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	_, stdout, _ = call(t, "predict", "--run", folder, photo, "--json", "--quiet")
	var predicted []predictionRow
	if err := json.Unmarshal([]byte(stdout), &predicted); err != nil {
		t.Fatal(err)
	}
	if x := explained[0]; x.Prediction != predicted[0].Prediction || x.Class != x.Prediction || x.Mask != mask || len(x.Maps) != 2 {
		t.Errorf("explained is %+v, predicted %+v", x, predicted[0])
	}
	text, err := os.ReadFile(filepath.Join(out, "a-soft-attention.csv"))
	if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); err != nil || len(lines) != 4 || strings.Count(lines[0], ",") != 3 {
		t.Errorf("the CSV of a map of 4 x 4 is %q: %v", text, err)
	}

	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown class":       {arguments(photo, "--class", "wart"), 2, "wart"},
		"unknown method":      {arguments(photo, "--method", "guided"), 2, "guided"},
		"unknown layer":       {arguments(photo, "--layer", "block_99"), 2, "block_99"},
		"layer without maps":  {arguments(photo, "--layer", "features_flat"), 2, "features_flat"},
		"fill":                {arguments(photo, "--fill", "300"), 2, "300"},
		"noise":               {arguments(photo, "--noise", "2"), 2, "noise is 2"},
		"age":                 {arguments(photo, "--age", "200"), 2, "200"},
		"two photos, a mask":  {arguments(photo, bad, "--mask", mask), 2, "--mask"},
		"same name":           {arguments(photo, photo), 2, "same name"},
		"mask of other shape": {arguments(photo, "--mask", square), 1, "aspect ratio"},
		"no run":              {[]string{"explain", "--run", dir + "/none", "--out", out, photo}, 1, "none"},
	} {
		if code, _, stderr := call(t, append(c.args, "--quiet")...); code != c.code || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit code %d, want %d: %s", name, code, c.code, stderr)
		}
	}
}
