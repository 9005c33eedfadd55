package dataverse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinattn/skinattn/internal/fetch"
)

func TestMain(m *testing.M) {
	os.Unsetenv(fetch.EnvMirror) // no test needs the network
	os.Exit(m.Run())
}

// run fetches and returns the log.
func (s *remote) run(ctx context.Context, dir string, opts Options) (log string, err error) {
	opts.Log = func(line string) { log += line + "\n" }
	err = s.source().run(ctx, dir, opts)
	return log, err
}

// files lists everything below dir.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			list = append(list, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func mustRun(t *testing.T, s *remote, dir string, opts Options) string {
	t.Helper()
	log, err := s.run(t.Context(), dir, opts)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	return log
}

// wantFailure fails the test unless the error has one line, with the text want.
func wantFailure(t *testing.T, s *remote, dir string, want string, opts Options) {
	t.Helper()
	log, err := s.run(t.Context(), dir, opts)
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("the error is %v, want %q\n%s", err, want, log)
	}
	for _, f := range files(t, dir) {
		if strings.HasPrefix(f, ".download/unpack") {
			t.Errorf("left behind: %s", f)
		}
	}
}

var whole = []string{
	metadata,
	"images/ISIC_0024306.jpg", "images/ISIC_0024307.jpg", "images/ISIC_0024308.jpg", "images/ISIC_0024309.jpg", "images/ISIC_0024310.jpg",
	"masks/ISIC_0024306_segmentation.png", "masks/ISIC_0024307_segmentation.png", "masks/ISIC_0024308_segmentation.png",
	"masks/ISIC_0024309_segmentation.png", "masks/ISIC_0024310_segmentation.png",
}

// outside drops the files in the work folder.
func outside(list []string) []string {
	return slices.DeleteFunc(list, func(f string) bool { return strings.HasPrefix(f, ".download/") })
}

func TestDownload(t *testing.T) {
	t.Parallel()
	s := newRemote(t)
	dir := filepath.Join(t.TempDir(), "with space", "ham10000")
	mustRun(t, s, dir, Options{WithTest: true})
	if got := outside(files(t, dir)); !slices.Equal(got, whole) {
		t.Errorf("the folder holds %v", got)
	}
	test := filepath.Join(filepath.Dir(dir), "isic2018_test")
	if got := files(t, test); !slices.Equal(got, []string{testCSV, "images/ISIC_0034524.jpg", "images/ISIC_0034525.jpg"}) {
		t.Errorf("the test folder holds %v", got)
	}
	for _, f := range files(t, filepath.Join(dir, ".download")) {
		if !strings.HasSuffix(f, ".done") && !strings.HasSuffix(f, ".lock") {
			t.Errorf("left behind: %s", f)
		}
	}
	if got := s.take(); !slices.Equal(got, []string{metadata, part1, part2, masks, "api", testCSV, testZip}) {
		t.Errorf("requests %v", got)
	}

	mustRun(t, s, dir, Options{WithTest: true})
	if got := s.take(); len(got) != 0 {
		t.Errorf("a second run fetched %v", got)
	}
	if err := os.Remove(filepath.Join(dir, "images/ISIC_0024309.jpg")); err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, dir, Options{})
	if got := s.take(); !slices.Equal(got, []string{part2}) {
		t.Errorf("after the loss of an image of part 2, fetched %v", got)
	}
	if got := outside(files(t, dir)); !slices.Equal(got, whole) {
		t.Errorf("after the repair the folder holds %v", got)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	s := newRemote(t)
	dir := t.TempDir()
	mustRun(t, s, dir, Options{OnlyMetadata: true})
	if got := outside(files(t, dir)); !slices.Equal(got, []string{metadata}) {
		t.Errorf("only the metadata: left %v", got)
	}
	s.take()
	mustRun(t, s, dir, Options{KeepArchives: true})
	if got := s.take(); !slices.Equal(got, []string{part1, part2, masks}) {
		t.Errorf("fetched %v", got)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, ".download", part1)); err != nil || !bytes.Equal(kept, s.content[part1]) {
		t.Errorf("kept archives: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "images")); err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, dir, Options{KeepArchives: true})
	if got := s.take(); len(got) != 0 {
		t.Errorf("fetched %v though the archives were kept", got)
	}

	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.run(t.Context(), blocked, Options{}); err == nil || !strings.Contains(err.Error(), "cannot make the folder") {
		t.Errorf("a file in place of the folder: %v", err)
	}
}

func TestChecksumFromDataverse(t *testing.T) {
	s := newRemote(t)
	dir := t.TempDir()
	// The pinned MD5 belongs to an older file than the published one.
	s.sum[metadata] = strings.Repeat("0", 32)
	log := mustRun(t, s, dir, Options{OnlyMetadata: true})
	if !strings.Contains(log, "the one that Dataverse publishes now") {
		t.Errorf("log:\n%s", log)
	}
	s.take()
	mustRun(t, s, dir, Options{OnlyMetadata: true}) // its MD5 is noted
	if got := s.take(); len(got) != 0 {
		t.Errorf("a second run asked for %v", got)
	}
	// A mirror's file must have Dataverse's MD5, too.
	s = newRemote(t)
	s.fault = func(w http.ResponseWriter, r *http.Request, name string, n int) bool {
		if name == testCSV {
			fmt.Fprint(w, "image_id\n1\n2\n3\n")
		}
		return name == testCSV
	}
	t.Setenv(fetch.EnvMirror, s.URL+"/mirror/")
	wantFailure(t, s, t.TempDir(), "wrong bytes twice", Options{WithTest: true})
}

func TestMirrorAndProxy(t *testing.T) {
	s := newRemote(t)
	dir := t.TempDir()
	// A proxy gets the whole address; the mirror's name need not exist. (Go reads the
	// variables for proxies once a process.)
	proxy, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	t.Setenv(fetch.EnvMirror, "http://mirror.invalid/mirror")
	mustRun(t, s, dir, Options{})
	if got := outside(files(t, dir)); !slices.Equal(got, whole) {
		t.Errorf("the folder holds %v", got)
	}
	if got := s.take(); !slices.Equal(got, []string{metadata, part1, part2, masks}) {
		t.Errorf("requests %v", got)
	}
}

func TestForeignTableIsKept(t *testing.T) {
	t.Parallel()
	s := newRemote(t)
	dir := t.TempDir()
	own := filepath.Join(dir, metadata)
	if err := os.WriteFile(own, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, s, dir, "is not the published file", Options{})
	if text, err := os.ReadFile(own); err != nil || string(text) != "mine" {
		t.Errorf("the table is now %q, %v", text, err)
	}
}

func TestInterruptAndLock(t *testing.T) {
	t.Parallel()
	s := newRemote(t)
	dir := t.TempDir()
	begun := make(chan struct{})
	s.fault = func(w http.ResponseWriter, r *http.Request, name string, n int) bool {
		if name != part1 || n > 0 {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(s.content[part1])))
		w.Write(s.content[part1][:60_000])
		w.(http.Flusher).Flush()
		close(begun)
		for r.Context().Err() == nil { // fast enough not to count as stalled
			time.Sleep(10 * time.Millisecond)
			w.Write(make([]byte, 20))
			w.(http.Flusher).Flush()
		}
		return true
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := s.run(ctx, dir, Options{})
		ended <- err
	}()
	<-begun
	if _, err := s.run(t.Context(), dir, Options{}); !errors.Is(err, ErrBusy) {
		t.Errorf("a second download beside the first: %v", err)
	}
	part := filepath.Join(dir, ".download", part1+".part")
	for info, err := os.Stat(part); err != nil || info.Size() < 60_000; info, err = os.Stat(part) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("after an interrupt: %v", err)
	}
	if info, err := os.Stat(part); err != nil || info.Size() == 0 {
		t.Fatalf("what was fetched is gone: %v", err)
	}
	// The bytes after the first were filler; a real transfer has the bytes of the file.
	if err := os.WriteFile(part, s.content[part1][:60_000], 0o644); err != nil {
		t.Fatal(err)
	}
	// The folder that locked earlier versions' downloads, left by a killed process, does
	// not stop the next run.
	if err := os.Mkdir(filepath.Join(dir, ".download", "lock"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.take()
	s.fault = nil
	mustRun(t, s, dir, Options{})
	if got := s.take(); !slices.Equal(got, []string{part1 + " from 60000", part2, masks}) {
		t.Errorf("requests after the interrupt %v", got)
	}
}

// A disk that is too small for an archive and its pictures is noticed before the
// download; bytes that are there already count.
func TestSpace(t *testing.T) {
	t.Parallel()
	s := newRemote(t)
	dir := t.TempDir()
	free := 2*s.size[part1] - 1
	opts := Options{Free: func(string) (uint64, error) { return free, nil }}
	wantFailure(t, s, dir, "which does not hold the archive and its pictures", opts)
	if got := s.take(); !slices.Equal(got, []string{metadata}) {
		t.Errorf("requests %v", got)
	}
	if err := os.WriteFile(filepath.Join(dir, ".download", part1+".part"), s.content[part1][:10], 0o644); err != nil {
		t.Fatal(err)
	}
	wantFailure(t, s, dir, "fetching "+part2+": ", opts) // it is larger
	if got := s.take(); !slices.Equal(got, []string{part1}) {
		t.Errorf("requests %v", got)
	}
}

// The real table cannot be tried without the network; its form can.
func TestFilesTable(t *testing.T) {
	t.Parallel()
	counts := map[string]int{}
	for _, f := range []file{harvard.metadata, harvard.part1, harvard.part2, harvard.masks, harvard.testImages, harvard.testTable} {
		if !regexp.MustCompile(`^([0-9a-f]{32})?$`).MatchString(f.md5) || !regexp.MustCompile(`^\w+\.(zip|csv)$`).MatchString(f.name) {
			t.Errorf("row %+v", f)
		}
		if f.id != fileIDs[f.name] {
			t.Errorf("%s has the number %d, want %d", f.name, f.id, fileIDs[f.name])
		}
		counts[f.name] = f.count
	}
	// 5,000 and 5,015 images by the Dataverse page, in all the 10,015 of the paper.
	for name, want := range map[string]int{metadata: 10015, part1: 5000, part2: 5015, masks: 10015, testZip: 1511, testCSV: 1512} {
		if counts[name] != want {
			t.Errorf("%s: %d, want %d", name, counts[name], want)
		}
	}
}
