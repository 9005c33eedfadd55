package weights

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/fetch"
	"github.com/skinattn/skinattn/pkg/skinattn/backbone"
)

// mirror stands in for Keras's server: it gives content for every path.
func mirror(t *testing.T, content []byte) (paths *[]string) {
	t.Helper()
	paths = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*paths = append(*paths, r.URL.Path)
		if content == nil {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}))
	t.Cleanup(server.Close)
	t.Setenv(fetch.EnvMirror, server.URL)
	return paths
}

func TestFetchWeights(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "weights")
	t.Setenv(EnvDir, dir)
	paths := mirror(t, applicationsOf(t, "mobilenet_v2", false).bytes())
	var log strings.Builder
	var last int64
	fetchIt := func() (Fetched, error) {
		return Fetch(t.Context(), "mobilenet_v2", func(line string) { log.WriteString(line + "\n") }, func(done, _ int64) { last = done })
	}
	got, err := fetchIt()
	if err != nil {
		t.Fatal(err)
	}
	const file = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
	want := Fetched{
		Backbone: "mobilenet_v2", File: filepath.Join(dir, file), Downloaded: true,
		URL:     "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/" + file,
		Licence: "Apache-2.0", Checksum: "none published", SHA256: got.SHA256,
	}
	if got != want || len(got.SHA256) != 64 {
		t.Errorf("fetched %+v, want %+v", got, want)
	}
	if len(*paths) != 1 || (*paths)[0] != "/tensorflow/keras-applications/mobilenet_v2/"+file || last < 9_000_000 || log.Len() == 0 {
		t.Errorf("paths %q, %d bytes, log %q", *paths, last, log.String())
	}
	if got, err = fetchIt(); err != nil || got.Downloaded || len(*paths) != 1 {
		t.Errorf("again: %+v, %v", got, err)
	}
	// A file that no longer fits is replaced.
	if err := os.WriteFile(got.File, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err = fetchIt(); err != nil || !got.Downloaded || !strings.Contains(log.String(), "is there but not right") {
		t.Errorf("over a damaged one: %+v, %v", got, err)
	}
}

func TestFetchRefusesWrongWeights(t *testing.T) {
	bare := applicationsOf(t, "mobilenet_v2", false)
	bare.tensor("Conv1/kernel:0").Shape = []int{3, 3, 32, 3}
	trained := fileOf(t, authors(t, 224))
	for name, c := range map[string]struct {
		content []byte
		text    string
	}{
		"404":             {nil, "HTTP 404"},
		"text":            {[]byte("no such model"), "not an HDF5 file"},
		"web page":        {[]byte("<!DOCTYPE html><html>"), "a web page instead of the file"},
		"truncated":       {bare.bytes()[:5000], "truncated"},
		"wrong shape":     {bare.bytes(), `tensor "Conv1/kernel:0" has shape [3 3 32 3] where the network has [3 3 3 32]`},
		"trained network": {trained.bytes(), "holds a trained network, not ImageNet weights"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv(EnvDir, dir)
			mirror(t, c.content)
			got, err := Fetch(t.Context(), "mobilenet_v2", nil, nil)
			expectLine(t, err, c.text)
			expectLine(t, err, "the ImageNet weights of MobileNetV2: fetching http://127.0.0.1")
			if got.Downloaded || got.SHA256 != "" {
				t.Errorf("fetched %+v", got)
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) > 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

// A published checksum decides, whatever the content.
func TestFetchPublishedChecksum(t *testing.T) {
	b, err := backbone.Find("mobilenet_v2")
	if err != nil {
		t.Fatal(err)
	}
	before := b.Weights
	defer func() { b.Weights = before }()
	t.Setenv(EnvDir, t.TempDir())
	mirror(t, []byte("the file"))
	b.Weights.MD5 = "5d9cd5c85ea9bc7b05bb7fd41b1d8b75"
	_, err = Fetch(t.Context(), "mobilenet_v2", nil, nil)
	expectLine(t, err, "wrong bytes: MD5 is")
	b.Weights.MD5 = "9144da26b6b58c823799dd4a8a884f26"
	if got, err := Fetch(t.Context(), "mobilenet_v2", nil, nil); err != nil || got.Checksum != "MD5 "+b.Weights.MD5 {
		t.Errorf("%+v, %v", got, err)
	}

	b.Weights.URL = ""
	_, err = Fetch(t.Context(), "mobilenet_v2", nil, nil)
	expectLine(t, err, "MobileNetV2 has no ImageNet weights")
	_, err = Fetch(t.Context(), "mobilenet_v4", nil, nil)
	expectLine(t, err, `backbone "mobilenet_v4" is unknown`)
}
