package engine

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomlx/go-xla/installer"

	"github.com/skinattn/skinattn/internal/fetch"
)

// index is a package index whose files come from a local server.
type index struct {
	*httptest.Server
	info     map[string]*installer.PipPackageInfo
	files    map[string][]byte // by path
	lock     sync.Mutex
	requests map[string][]string // the Range of each request, by path
	cut      map[string]int      // bytes after which the first answer ends
	hang     chan struct{}       // if not nil, an answer hangs until it is closed
}

func newIndex(t *testing.T) *index {
	x := &index{info: map[string]*installer.PipPackageInfo{}, files: map[string][]byte{}, requests: map[string][]string{}, cut: map[string]int{}}
	x.Server = httptest.NewServer(http.HandlerFunc(x.serve))
	t.Cleanup(x.Close)
	t.Setenv(fetch.EnvMirror, "http://mirror.invalid") // must not be asked
	before := packageInfo
	t.Cleanup(func() { packageInfo = before })
	packageInfo = func(name string) (*installer.PipPackageInfo, error) {
		if info := x.info[name]; info != nil {
			return info, nil
		}
		return nil, errors.New("no such package")
	}
	return x
}

func (x *index) serve(w http.ResponseWriter, r *http.Request) {
	x.lock.Lock()
	x.requests[r.URL.Path] = append(x.requests[r.URL.Path], r.Header.Get("Range"))
	cut, file := x.cut[r.URL.Path], x.files[r.URL.Path]
	delete(x.cut, r.URL.Path)
	x.lock.Unlock()
	w.Header().Set("ETag", `"1"`)
	if cut > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(file)))
		w.Write(file[:cut])
		w.(http.Flusher).Flush()
		if x.hang != nil {
			<-x.hang
		}
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file))
}

// add puts a wheel with the given members on the index. The address of its file is
// relative to the project's page.
func (x *index) add(t *testing.T, name, version, file string, members map[string]string) wheel {
	t.Helper()
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	for path, text := range members {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: path, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, text)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(buffer.Bytes())
	w := wheel{name, version, file, hex.EncodeToString(digest[:])}
	path := "/files/" + name + ".whl"
	x.files[path] = buffer.Bytes()
	info := &installer.PipPackageInfo{Releases: map[string][]installer.PipReleaseInfo{version: {
		{URL: "../../other.whl", Digests: map[string]string{"sha256": strings.Repeat("0", 64)}},
		{URL: "../../files/" + name + ".whl", Digests: map[string]string{"sha256": strings.ToUpper(w.sha256)}},
	}}}
	info.Info.ProjectURL = x.URL + "/project/" + name + "/"
	x.info[name] = info
	return w
}

// noise is text that does not compress.
func noise(n int) string {
	source, text := rand.New(rand.NewPCG(1, 2)), make([]byte, n)
	for i := range text {
		text[i] = byte(source.Uint32())
	}
	return string(text)
}

// names lists the files below dir, but for locks.
func names(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, ".lock") {
			relative, _ := filepath.Rel(dir, path)
			all = append(all, relative)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// A download that is cut off goes on where it stopped, the plug-in is unpacked, the
// wheel is not kept, and nothing touches the process's standard output.
func TestInstallCPU(t *testing.T) {
	x := newIndex(t)
	content := noise(100_000)
	w := x.add(t, "plug-in", "1.2", "plugin.so", map[string]string{"some/folder/plugin.so": content, "METADATA": "text"})
	x.cut["/files/plug-in.whl"] = 60_000
	read := captureStdout(t)
	dir := filepath.Join(t.TempDir(), "lib")
	path := filepath.Join(dir, "plugin.so")
	var lines []string
	opts := Options{Log: func(line string) { lines = append(lines, line) }}
	if err := installCPU(t.Context(), w, path, opts); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("the plug-in has %d bytes (%v), not the %d of the wheel", len(got), err, len(content))
	}
	if ranges := x.requests["/files/plug-in.whl"]; len(ranges) != 2 || ranges[1] != "bytes=60000-" {
		t.Errorf("the server was asked for the ranges %q", ranges)
	}
	if got := names(t, dir); got != "plugin.so" {
		t.Errorf("installed are %q", got)
	}
	if text := read(); text != "" {
		t.Errorf("standard output got %q", text)
	}
	if len(lines) == 0 || !strings.Contains(lines[0], "plug-in 1.2") {
		t.Errorf("the log is %q", lines)
	}
	if err := installCPU(t.Context(), wheel{name: "unknown"}, path, Options{}); err != nil { // it is there
		t.Error(err)
	}
}

// captureStdout puts a pipe in the place of standard output until read is called.
func captureStdout(t *testing.T) (read func() string) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdout
	os.Stdout = w
	t.Cleanup(func() { os.Stdout = before })
	return func() string {
		if os.Stdout != w {
			t.Error("standard output was replaced")
		}
		w.Close()
		text, _ := io.ReadAll(r)
		return string(text)
	}
}

func TestInstallFails(t *testing.T) {
	x := newIndex(t)
	good := x.add(t, "plug-in", "1.2", "plugin.so", map[string]string{"plugin.so": "binary"})
	wrong := good
	wrong.sha256 = strings.Repeat("a", 64)
	other := good
	other.version = "1.3"
	empty := x.add(t, "empty", "1", "plugin.so", map[string]string{"README": "text"})
	swapped := x.add(t, "swapped", "1", "plugin.so", map[string]string{"plugin.so": "binary"})
	x.files["/files/swapped.whl"] = []byte("something else")
	gone := x.add(t, "gone", "1", "plugin.so", map[string]string{"plugin.so": "binary"})
	x.info["gone"].Releases["1"][1].URL = "ftp://host/gone.whl"
	for _, tc := range []struct {
		wheel wheel
		want  string
	}{
		{wheel{name: "nobody", version: "1"}, "installing nobody 1: no such package"},
		{wrong, "no file of plug-in 1.2 with SHA-256 aaaa"},
		{other, "no file of plug-in 1.3"},
		{empty, "unpacking empty 1: file does not exist"},
		{swapped, "wrong bytes: SHA-256"},
		{gone, "not an http or https address"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "plugin.so")
		err := installCPU(t.Context(), tc.wheel, path, Options{})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.wheel, err, tc.want)
		}
		if left := names(t, dir); strings.Contains(left, "plugin.so ") || strings.Contains(left, ".so.part") || fileExists(path) {
			t.Errorf("%s left %q", tc.wheel, left)
		}
		if tc.wheel == swapped {
			if checksum := (*fetch.ChecksumError)(nil); !errors.As(err, &checksum) {
				t.Errorf("%v is no ChecksumError", err)
			}
		}
	}
}

// A cancelled installation ends at once, even while the package index does not answer,
// and goes on the next time.
func TestInstallIsCancelled(t *testing.T) {
	x := newIndex(t)
	content := noise(100_000)
	w := x.add(t, "plug-in", "1.2", "plugin.so", map[string]string{"plugin.so": content})
	x.cut["/files/plug-in.whl"], x.hang = 60_000, make(chan struct{})
	path := filepath.Join(t.TempDir(), "plugin.so")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			if info, err := os.Stat(path + ".wheels"); err == nil && info.IsDir() && strings.Contains(names(t, path+".wheels"), ".part.json") {
				time.Sleep(50 * time.Millisecond)
				cancel()
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := installCPU(ctx, w, path, Options{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled installation: %v", err)
	}
	close(x.hang)
	if err := installCPU(t.Context(), w, path, Options{}); err != nil {
		t.Fatal(err)
	}
	if ranges := x.requests["/files/plug-in.whl"]; len(ranges) != 2 || !strings.HasPrefix(ranges[1], "bytes=") {
		t.Errorf("the server was asked for the ranges %q", ranges)
	}

	silent := make(chan struct{})
	defer close(silent)
	packageInfo = func(string) (*installer.PipPackageInfo, error) { <-silent; return nil, nil }
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := installCPU(ctx, w, path+"2", Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a silent index: %v", err)
	}
}

// The CUDA plug-in and the libraries of all wheels come together in one folder, with
// the links that they need. A wheel that came whole before an interruption stays.
func TestInstallCUDA(t *testing.T) {
	x := newIndex(t)
	plugin, libraries := cudaWheel, cudaLibraries
	t.Cleanup(func() { cudaWheel, cudaLibraries = plugin, libraries })
	cudaLibraries = []wheel{
		x.add(t, "blas", "1", "nvidia", map[string]string{"nvidia/cu13/lib/libcublas.so.13": "blas", "nvidia/cu13/lib/libcublasLt.so.13": "light", "blas.dist-info/METADATA": "text"}),
		x.add(t, "nvcc", "2", "nvidia", map[string]string{"nvidia/cu13/bin/ptxas": "assembler", "nvidia2/no": "text"}),
	}
	cudaWheel = x.add(t, "cuda", "3", "xla_cuda_plugin.so", map[string]string{"plugins/xla_cuda_plugin.so": "cuda"})
	file := x.files["/files/cuda.whl"]
	x.files["/files/cuda.whl"] = []byte("not yet there")
	dir := filepath.Join(t.TempDir(), "lib", "go-xla")
	if err := installCUDA(t.Context(), dir, Options{}); err == nil || !strings.Contains(err.Error(), "installing cuda 3") {
		t.Fatalf("without the plug-in's wheel: %v", err)
	}
	x.files["/files/cuda.whl"] = file
	if err := installCUDA(t.Context(), dir, Options{}); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, filepath.Join(dir, "nvidia")), "bin/ptxas cu13/bin/ptxas cu13/lib/libcublas.so.13 cu13/lib/libcublasLt.so.13 pjrt_c_api_cuda_plugin.so"; got != want {
		t.Errorf("installed are %q, want %q", got, want)
	}
	for path, want := range map[string]string{
		"nvidia/bin/ptxas": "assembler", "../libcublas.so.13": "blas", "../libcublasLt.so.13": "light", "nvidia/pjrt_c_api_cuda_plugin.so": "cuda",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, path)); string(got) != want {
			t.Errorf("%s has %q (%v), want %q", path, got, err, want)
		}
	}
	if n := len(x.requests["/files/blas.whl"]); n != 1 {
		t.Errorf("the first wheel was fetched %d times", n)
	}
	if entries, _ := filepath.Glob(filepath.Join(dir, "nvidia.*[^k]")); len(entries) > 0 {
		t.Errorf("left over: %q", entries)
	}
}

// Programs learn the cause of a missing engine from the type of the error.
func TestUnavailable(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv(EnvPlugin, filepath.Join(t.TempDir(), "absent.so"))
	for _, kind := range []string{CPU, CUDA} {
		_, err := Open(t.Context(), kind, Options{Offline: true})
		var unavailable *UnavailableError
		if !errors.As(err, &unavailable) || unavailable.Engine != kind {
			t.Fatalf("%s: %v", kind, err)
		}
		if XLABuilt && !errors.Is(err, os.ErrNotExist) || !XLABuilt && !errors.Is(err, ErrNotBuilt) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	t.Setenv(EnvPlugin, "")
	if _, err := Open(t.Context(), CUDA, Options{Offline: true}); XLABuilt && !GPUSeen() && !errors.Is(err, ErrNoGPU) {
		t.Errorf("without a GPU: %v", err)
	}
	t.Setenv(EnvPlugin, "/absent.so")
	eng, err := Open(t.Context(), Auto, Options{Offline: true})
	if err != nil || eng.Kind != Go || len(eng.Passed) == 0 || eng.Passed[len(eng.Passed)-1].Engine != CPU {
		t.Errorf("auto without a plug-in: %+v, %v", eng, err)
	}
}
