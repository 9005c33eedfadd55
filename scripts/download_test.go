// Package scripts_test runs the scripts of this folder against a server of its
// own; no test needs the network.
package scripts_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// run runs the script, with arguments NAME=VALUE as environment.
func (s *remote) run(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	cmd := exec.Command("bash", s.script(t))
	cmd.Env = append(os.Environ(), "http_proxy=", "no_proxy=*", "SKINATTN_MIRROR=")
	for _, arg := range args {
		if regexp.MustCompile(`^\w+=`).MatchString(arg) {
			cmd.Env = append(cmd.Env, arg)
		} else {
			cmd.Args = append(cmd.Args, arg)
		}
	}
	out, err := cmd.CombinedOutput()
	if _, isExit := err.(*exec.ExitError); err != nil && !isExit {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
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

func mustRun(t *testing.T, s *remote, args ...string) string {
	t.Helper()
	code, out := s.run(t, args...)
	if code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	return out
}

// lastLine is the error, which must be one line.
func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

func wantFailure(t *testing.T, s *remote, dir string, wantCode int, want string, args ...string) {
	t.Helper()
	code, out := s.run(t, append([]string{"--yes", dir}, args...)...)
	if code != wantCode || !strings.Contains(lastLine(out), want) || !strings.HasPrefix(lastLine(out), "download.sh: ") {
		t.Errorf("exit code %d, want %d and %q:\n%s", code, wantCode, want, out)
	}
	for _, f := range files(t, dir) {
		if strings.HasPrefix(f, ".download/unpack") || strings.HasPrefix(f, ".download/lock") {
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

// outside drops the script's own files.
func outside(list []string) []string {
	return slices.DeleteFunc(list, func(f string) bool { return strings.HasPrefix(f, ".download/") })
}

func TestDownload(t *testing.T) {
	t.Parallel()
	s := newRemote(t)
	dir := filepath.Join(t.TempDir(), "with space", "ham10000")
	out := mustRun(t, s, "--yes", "--with-test", dir)
	if got := outside(files(t, dir)); !slices.Equal(got, whole) {
		t.Errorf("the folder holds %v", got)
	}
	test := filepath.Join(filepath.Dir(dir), "isic2018_test")
	if got := files(t, test); !slices.Equal(got, []string{testCSV, "images/ISIC_0034524.jpg", "images/ISIC_0034525.jpg"}) {
		t.Errorf("the test folder holds %v", got)
	}
	for _, f := range files(t, filepath.Join(dir, ".download")) {
		if !strings.HasSuffix(f, ".done") {
			t.Errorf("left behind: %s", f)
		}
	}
	for _, part := range []string{"CC BY-NC 4.0", "10.1038/sdata.2018.161", "SKINATTN_DATA=" + dir} {
		if !strings.Contains(out, part) {
			t.Errorf("the output does not mention %s:\n%s", part, out)
		}
	}
	if got := s.take(); !slices.Equal(got, []string{metadata, part1, part2, masks, "api", testCSV, testZip}) {
		t.Errorf("requests %v", got)
	}

	mustRun(t, s, "--yes", "--with-test", dir)
	if got := s.take(); len(got) != 0 {
		t.Errorf("a second run fetched %v", got)
	}
	if err := os.Remove(filepath.Join(dir, "images/ISIC_0024309.jpg")); err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, "--yes", dir)
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
	mustRun(t, s, "--only-metadata", "--yes", dir)
	if got := outside(files(t, dir)); !slices.Equal(got, []string{metadata}) {
		t.Errorf("--only-metadata left %v", got)
	}
	s.take()
	mustRun(t, s, dir, "--keep-archives", "--yes")
	if got := s.take(); !slices.Equal(got, []string{part1, part2, masks}) {
		t.Errorf("fetched %v", got)
	}
	if kept, err := os.ReadFile(filepath.Join(dir, ".download", part1)); err != nil || !bytes.Equal(kept, s.content[part1]) {
		t.Errorf("--keep-archives: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "images")); err != nil {
		t.Fatal(err)
	}
	mustRun(t, s, dir, "--keep-archives", "--yes")
	if got := s.take(); len(got) != 0 {
		t.Errorf("fetched %v though the archives were kept", got)
	}

	if code, out := s.run(t, "--help"); code != 0 || !strings.HasPrefix(out, "Usage:") || !strings.Contains(out, "SKINATTN_MIRROR") {
		t.Errorf("--help: exit code %d:\n%s", code, out)
	}
	for want, args := range map[string][]string{
		"add --yes":               {dir},
		"unknown option --fast":   {"--yes", "--fast"},
		"two folders":             {"--yes", "a", "b"},
		"exclude each other":      {"--yes", "--only-metadata", "--with-test", dir},
		"the folder's name is em": {"--yes", ""},
	} {
		if code, out := s.run(t, args...); code != 2 || !strings.Contains(lastLine(out), want) {
			t.Errorf("%v: exit code %d:\n%s", args, code, out)
		}
	}
	if got := s.take(); len(got) != 0 {
		t.Errorf("wrong usage fetched %v", got)
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if code, out := s.run(t, "--yes", blocked); code != 1 || !strings.Contains(lastLine(out), "cannot make the folder") {
		t.Errorf("a file in place of the folder: exit code %d:\n%s", code, out)
	}
}

func TestChecksumFromDataverse(t *testing.T) {
	t.Parallel()
	s := newRemote(t)
	dir := t.TempDir()
	// The pinned MD5 is of an older file than the one that Dataverse publishes.
	s.sum[metadata] = strings.Repeat("0", 32)
	out := mustRun(t, s, "--yes", "--only-metadata", dir)
	if !strings.Contains(out, "the one that Dataverse publishes now") {
		t.Errorf("output:\n%s", out)
	}
	// A mirror's file is held against Dataverse's MD5 too.
	s = newRemote(t)
	s.fault = func(w http.ResponseWriter, r *http.Request, name string, n int) bool {
		if name == testCSV {
			fmt.Fprint(w, "image_id\n1\n2\n3\n")
		}
		return name == testCSV
	}
	wantFailure(t, s, t.TempDir(), 1, "wrong bytes twice", "--with-test", "SKINATTN_MIRROR="+s.URL+"/mirror/")
}

func TestMirrorAndProxy(t *testing.T) {
	t.Parallel()
	s := newRemote(t)
	dir := t.TempDir()
	// To the proxy, curl sends the whole address; the mirror's name need not exist.
	mustRun(t, s, "--yes", dir, "SKINATTN_MIRROR=http://mirror.invalid/mirror", "http_proxy="+s.URL, "no_proxy=")
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
	wantFailure(t, s, dir, 1, "is not the published file")
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
	cmd := exec.Command("bash", s.script(t), "--yes", dir)
	cmd.Env = append(os.Environ(), "http_proxy=", "no_proxy=*", "SKINATTN_MIRROR=")
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun
	if code, out := s.run(t, "--yes", dir); code != 1 || !strings.Contains(lastLine(out), "another download") {
		t.Errorf("a second download beside the first: exit code %d:\n%s", code, out)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(lastLine(out.String()), "interrupted") {
		t.Errorf("exit code %d after an interrupt:\n%s", code, out.String())
	}
	part := filepath.Join(dir, ".download", part1+".part")
	if info, err := os.Stat(part); err != nil || info.Size() == 0 {
		t.Fatalf("what was fetched is gone: %v", err)
	}
	// What came after the first bytes was filler; a real transfer has the file's own.
	if err := os.WriteFile(part, s.content[part1][:60_000], 0o644); err != nil {
		t.Fatal(err)
	}
	// A lock left by a process that is no more does not stop the next run.
	lock := filepath.Join(dir, ".download", "lock")
	if err := os.Mkdir(lock, 0o755); err != nil {
		t.Fatalf("the lock was left behind: %v", err)
	}
	if err := os.WriteFile(filepath.Join(lock, "pid"), []byte(fmt.Sprint(cmd.Process.Pid)), 0o644); err != nil {
		t.Fatal(err)
	}
	s.take()
	s.fault = nil
	mustRun(t, s, "--yes", dir)
	if got := s.take(); !slices.Equal(got, []string{part1 + " from 60000", part2, masks}) {
		t.Errorf("requests after the interrupt %v", got)
	}
}

// The real table cannot be tried without the network; its form can.
func TestFilesTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("download.sh")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<<'TABLE'\n")
	table, _, ok := strings.Cut(rest, "\nTABLE\n")
	if !ok {
		t.Fatal("download.sh has no table")
	}
	ids := make(map[string]string)
	counts := make(map[string]string)
	for _, line := range strings.Split(table, "\n") {
		f := strings.Fields(line)
		if len(f) != 5 || !regexp.MustCompile(`^(\d+ (\d+|-) ([0-9a-f]{32}|-) \d+ \w+\.(zip|csv))$`).MatchString(strings.Join(f, " ")) {
			t.Errorf("row %q", line)
			continue
		}
		ids[f[4]], counts[f[4]] = f[0], f[3]
	}
	for name, id := range fileIDs {
		if ids[name] != id {
			t.Errorf("%s has the number %s, want %s", name, ids[name], id)
		}
	}
	// 5,000 and 5,015 images by the Dataverse page, in all the 10,015 of the paper.
	for name, want := range map[string]string{metadata: "10015", part1: "5000", part2: "5015", masks: "10015", testZip: "1511", testCSV: "1512"} {
		if counts[name] != want {
			t.Errorf("%s: %s, want %s", name, counts[name], want)
		}
	}
}
