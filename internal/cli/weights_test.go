package cli

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/skinattn/skinattn/internal/fetch"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
	"github.com/skinattn/skinattn/pkg/skinattn/weights"
)

// runWeights runs 'skinattn weights ARGS'.
func runWeights(t *testing.T, ctx context.Context, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var grammar struct {
		common
		Weights weightsCommand `cmd:""`
	}
	parser, err := kong.New(&grammar, kong.Vars(grammarVars()))
	if err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	parsed, err := parser.Parse(append([]string{"weights"}, args...))
	if err != nil {
		err = usageError{err}
	} else {
		err = parsed.Run(&session{common: grammar.common, ctx: ctx, stdout: &out, stderr: &log})
	}
	code = report(&log, err, programName, args)
	return code, out.String(), log.String()
}

// trainedFile is the authors' network on MobileNetV2 as h5py writes it for
// Keras 2.15, with 0.01 in all kernels and 1 in all other tensors.
func trainedFile(t *testing.T) string {
	t.Helper()
	in, err := os.Open("testdata/mobilenet_v2_constant.h5.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	unzipped, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(unzipped)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "trained.h5", content)
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWeightsImport(t *testing.T) {
	path := trainedFile(t)
	dir := filepath.Join(t.TempDir(), "theirs")
	code, stdout, stderr := runWeights(t, t.Context(), "import", "--keras", path, "--backbone", "mobilenet_v2", "--run", dir)
	want := path + ": weights of a trained network (save_weights), 225 tensors, 1354714 parameters, Keras 2.15.0\n" +
		"network: mobilenet_v2 up to block_14_depthwise, with Soft-Attention, with metadata, 224 px, channels bgr, scaling tf\n" +
		"Soft-Attention looks at channels 0, 1, 2 (first): Keras wrote the file with TensorFlow, whose CPU kernel reads others\n" +
		"  --attention-window center if it looked at channels 478, 479, 480\n" +
		"fits: 225 variables, each filled by one tensor\n" +
		"run folder " + dir + "; now: skinattn predict --run " + dir + " IMAGE...\n"
	if code != exitDone || stdout != want || stderr != "" {
		t.Errorf("code %d, answer %q, want %q, log %q", code, stdout, want, stderr)
	}
	folder, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if cfg, err := folder.Config(); err != nil || cfg.Init != "keras trained.h5" {
		t.Errorf("config %+v, %v", cfg, err)
	}

	dir = filepath.Join(t.TempDir(), "again")
	code, stdout, _ = runWeights(t, t.Context(), "import", "--json", "--channel-order", "rgb", "--keras", path, "--backbone", "mobilenet_v2", "--run", dir)
	var made weights.Imported
	if err := json.Unmarshal([]byte(stdout), &made); err != nil || code != exitDone || made.Run != dir || made.Network.ChannelOrder != "rgb" {
		t.Errorf("code %d, answer %s, %v", code, stdout, err)
	}
}

// A mistake or a wrong file gives the contract's exit code and one line, and makes nothing.
func TestWeightsErrors(t *testing.T) {
	t.Setenv(weights.EnvDir, t.TempDir())
	trained := trainedFile(t)
	text := write(t, "text.h5", []byte("image_id,dx\n"))
	other := filepath.Join("..", "..", "pkg", "skinattn", "keras", "testdata", "weights_fixed.h5")
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "notes"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	importInto := func(args ...string) []string {
		return append([]string{"import", "--backbone", "mobilenet_v2", "--run", dir}, args...)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		line string
	}{
		"text":             {importInto("--keras", text), exitFailed, "skinattn: reading Keras weights " + text + ": not an HDF5 file\n"},
		"absent":           {importInto("--keras", "absent.h5"), exitFailed, "reading Keras weights absent.h5: no such file or directory"},
		"another network":  {importInto("--keras", other), exitFailed, "it has no weights of MobileNetV2"},
		"run not empty":    {[]string{"import", "--keras", trained, "--backbone", "mobilenet_v2", "--run", full}, exitFailed, "is not empty (it has notes)"},
		"wrong size":       {importInto("--keras", trained, "--size", "96"), exitFailed, "at 96 px has 11776; 256 px has that many"},
		"no run":           {[]string{"import", "--keras", trained, "--backbone", "mobilenet_v2"}, exitUsage, "holds a trained network: --run DIR must say"},
		"no backbone":      {[]string{"import", "--keras", trained, "--run", dir}, exitUsage, "missing flags: --backbone"},
		"unknown backbone": {[]string{"import", "--keras", trained, "--backbone", "mobilenet_v9", "--run", dir}, exitUsage, "--backbone must be one of"},
		"no file":          {importInto(), exitUsage, "missing flags: --keras"},
		"unknown order":    {importInto("--keras", trained, "--channel-order", "rbg"), exitUsage, "--channel-order must be one of"},
		"negative size":    {importInto("--keras", trained, "--size=-1"), exitUsage, "--size is -1"},
		"check: text":      {[]string{"check", text, "--backbone", "mobilenet_v2"}, exitFailed, "not an HDF5 file"},
		"check: no file":   {[]string{"check", "--backbone", "mobilenet_v2"}, exitUsage, "expected \"<file>\""},
		"fetch: unknown":   {[]string{"fetch", "mobilenet_v9"}, exitUsage, "must be one of"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := runWeights(t, t.Context(), c.args...)
			if code != c.code || stdout != "" || !strings.Contains(stderr, c.line) || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "skinattn: ") {
				t.Errorf("code %d, answer %q, log %q; want code %d and one line with %q", code, stdout, stderr, c.code, c.line)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("a run folder was made: %v", err)
			}
		})
	}
}

func TestWeightsCheck(t *testing.T) {
	path := trainedFile(t)
	code, stdout, stderr := runWeights(t, t.Context(), "check", path, "--backbone", "mobilenet_v2", "--json")
	var got weights.Report
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitDone || stderr != "" {
		t.Fatalf("code %d, %v, log %q", code, err, stderr)
	}
	if !got.Fits || got.Form != weights.FormSaveWeights || got.Tensors != 225 || got.Used != 225 || got.Network.Size != 224 {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(stdout, `"problems": []`) || !strings.Contains(stdout, `"unused": []`) {
		t.Errorf("empty lists are not lists in %s", stdout)
	}

	// Everything that does not fit is named, by layer and tensor.
	code, stdout, stderr = runWeights(t, t.Context(), "check", path, "--backbone", "mobilenet_v2", "--cut", "block_12_add", "--size", "224", "--json")
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitFailed || got.Fits || len(got.Problems) != 1 ||
		!strings.Contains(got.Problems[0], `"dense_1/kernel:0" has 34816 rows`) || !strings.HasSuffix(stderr, "ends at block_14_depthwise, not at block_12_add\n") {
		t.Errorf("code %d, answer %s, log %q", code, stdout, stderr)
	}

	other := filepath.Join("..", "..", "pkg", "skinattn", "keras", "testdata", "weights_fixed.h5")
	code, stdout, _ = runWeights(t, t.Context(), "check", other, "--backbone", "mobilenet_v2", "--json")
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitFailed || got.Fits || len(got.Problems) != 1 {
		t.Errorf("code %d, answer %s, %v", code, stdout, err)
	}
}

func TestWeightsFetch(t *testing.T) {
	b, err := backbone.Find("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	before := b.Weights
	defer func() { b.Weights = before }()
	b.Weights.MD5 = "9144da26b6b58c823799dd4a8a884f26" // of "the file", by md5sum
	content := "the file"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if content == "" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, content)
	}))
	defer server.Close()
	t.Setenv(fetch.EnvMirror, server.URL)
	dir := t.TempDir()
	t.Setenv(weights.EnvDir, dir)

	place := filepath.Join(dir, filepath.Base(b.Weights.URL))
	code, stdout, stderr := runWeights(t, t.Context(), "fetch", "mobilenet_v2")
	if want := "mobilenet_v2: " + place + ", fetched\n  from " + b.Weights.URL + "\n  licence Apache-2.0, checksum: MD5 " + b.Weights.MD5 + "\n"; code != exitDone || stdout != want ||
		!strings.Contains(stderr, "fetching "+server.URL+"/tensorflow/keras-applications/") {
		t.Errorf("code %d, answer %q, want %q, log %q", code, stdout, want, stderr)
	}
	var rows []weights.Fetched
	code, stdout, stderr = runWeights(t, t.Context(), "fetch", "mobilenet_v2", "--json", "--quiet")
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || code != exitDone || len(rows) != 1 || rows[0].Downloaded || rows[0].File != place || stderr != "" {
		t.Errorf("code %d, answer %s, log %q", code, stdout, stderr)
	}

	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	content = ""
	code, stdout, stderr = runWeights(t, t.Context(), "fetch", "mobilenet_v2", "--json", "--quiet")
	if err := json.Unmarshal([]byte(stdout), &rows); err != nil || code != exitFailed || len(rows) != 1 || !strings.Contains(rows[0].Error, "HTTP 404") ||
		!strings.Contains(stderr, "skinattn: the ImageNet weights of MobileNetV2: fetching "+server.URL) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("code %d, answer %s, log %q", code, stdout, stderr)
	}

	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if code, _, stderr := runWeights(t, cancelled, "fetch"); code != exitInterrupted {
		t.Errorf("interrupted: code %d, log %q", code, stderr)
	}
}
