package fetch

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// content is the right file: 300,000 bytes that do not repeat.
var content = func() []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, 300_000)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}()

func md5Of(b []byte) string    { sum := md5.Sum(b); return hex.EncodeToString(sum[:]) }
func sha256Of(b []byte) string { sum := sha256.Sum256(b); return hex.EncodeToString(sum[:]) }

// server answers the n-th request, from 0, with the n-th handler, all later requests with
// the last handler, and keeps the requests.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func serve(t *testing.T, handlers ...http.HandlerFunc) *server {
	t.Setenv(EnvMirror, "")
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := len(s.requests)
		s.requests = append(s.requests, r)
		s.mu.Unlock()
		handlers[min(n, len(handlers)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// ranges lists the Range headers of the requests.
func (s *server) ranges() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, r := range s.requests {
		all = append(all, r.Header.Get("Range"))
	}
	return all
}

// whole serves b with net/http's own support of Range and If-Range.
func whole(b []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// plain serves b without support of ranges.
func plain(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Write(b)
	}
}

// cut sends the first n bytes of b and breaks the connection.
func cut(b []byte, n int, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if etag != "" {
			w.Header().Set("ETag", etag)
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		w.Write(b[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
}

// quick makes tries follow each other at once.
func quick(o Options) Options {
	o.Backoff = time.Millisecond
	if o.Attempts == 0 {
		o.Attempts = 3
	}
	return o
}

// expectFile fails the test unless the file is right and only the lock lies beside it.
func expectFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s: %d bytes, %v; want the %d right ones", path, len(got), err, len(want))
	}
	expectFolder(t, filepath.Dir(path), filepath.Base(path))
}

// expectFolder fails the test unless a folder has exactly these files, locks aside.
func expectFolder(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			got = append(got, e.Name())
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("files %q, want %q", got, names)
	}
}

func TestFile(t *testing.T) {
	digest := Options{MD5: md5Of(content)}
	other := bytes.Repeat([]byte("other"), 1000)
	for name, c := range map[string]struct {
		handlers []http.HandlerFunc
		opts     Options
		ranges   []string // of the requests
	}{
		"at once":             {[]http.HandlerFunc{whole(content, `"a"`)}, digest, []string{""}},
		"no length told":      {[]http.HandlerFunc{chunked(content)}, digest, []string{""}},
		"no digest known":     {[]http.HandlerFunc{whole(content, "")}, Options{}, []string{""}},
		"SHA-256, upper case": {[]http.HandlerFunc{plain(content)}, Options{SHA256: strings.ToUpper(sha256Of(content))}, []string{""}},
		"cut, resumed": {
			[]http.HandlerFunc{cut(content, 100_000, `"a"`), whole(content, `"a"`)}, digest, []string{"", "bytes=100000-"}},
		"cut, resumed without a digest": {
			[]http.HandlerFunc{cut(content, 100_000, `"a"`), whole(content, `"a"`)}, Options{}, []string{"", "bytes=100000-"}},
		"cut twice": {
			[]http.HandlerFunc{cut(content, 1000, `"a"`), status(503), whole(content, `"a"`)}, digest, []string{"", "bytes=1000-", "bytes=1000-"}},
		"cut, no ranges": {
			[]http.HandlerFunc{cut(content, 100_000, ""), plain(content)}, digest, []string{"", "bytes=100000-"}},
		"cut, neither validator nor digest": {
			[]http.HandlerFunc{cut(content, 100_000, ""), whole(content, "")}, Options{}, []string{"", ""}},
		"cut, then another version": {
			[]http.HandlerFunc{cut(other, 1000, `"old"`), whole(content, `"new"`)}, Options{}, []string{"", "bytes=1000-"}},
		"cut, then another version unnoticed by the server": {
			[]http.HandlerFunc{cut(append([]byte("x"), content[1:]...), 1000, ""), whole(content, ""), whole(content, "")}, digest, []string{"", "bytes=1000-", ""}},
		"cut, then a wrong part": {
			[]http.HandlerFunc{cut(content, 1000, `"a"`), wrongPart(content), whole(content, `"a"`)}, digest, []string{"", "bytes=1000-", ""}},
		"cut, then shorter": {
			[]http.HandlerFunc{cut(content, 1000, `"a"`), status(http.StatusRequestedRangeNotSatisfiable), whole(content, `"a"`)}, digest, []string{"", "bytes=1000-", ""}},
		"500, then fine":       {[]http.HandlerFunc{status(500), whole(content, "")}, digest, []string{"", ""}},
		"429 with Retry-After": {[]http.HandlerFunc{busy, whole(content, "")}, digest, []string{"", ""}},
		"stalled, then fine": {
			[]http.HandlerFunc{stall(content[:1000]), whole(content, "")}, Options{MD5: md5Of(content), Stall: 50 * time.Millisecond}, []string{"", "bytes=1000-"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.handlers...)
			path := filepath.Join(t.TempDir(), "new", "file.h5")
			downloaded, err := File(t.Context(), s.URL+"/models/file.h5", path, quick(c.opts))
			if err != nil || !downloaded {
				t.Fatal(downloaded, err)
			}
			expectFile(t, path, content)
			if got := s.ranges(); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.ranges) {
				t.Errorf("ranges asked for: %q, want %q", got, c.ranges)
			}
			again, err := File(t.Context(), s.URL+"/models/file.h5", path, c.opts)
			if err != nil || again || len(s.ranges()) != len(c.ranges) {
				t.Errorf("second call: downloaded %v, error %v, %d requests", again, err, len(s.ranges()))
			}
		})
	}
}

func chunked(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Write(b[:1000])
		w.(http.Flusher).Flush()
		w.Write(b[1000:])
	}
}

func wrongPart(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(b)-1, len(b)))
		w.WriteHeader(http.StatusPartialContent)
		w.Write(b[7:])
	}
}

func busy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "0")
	w.WriteHeader(http.StatusTooManyRequests)
}

// stall sends b and then nothing until the client is gone.
func stall(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(b)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

func TestFileErrors(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<!DOCTYPE html><title>Please log in</title>")
	}
	for name, c := range map[string]struct {
		handler  http.HandlerFunc
		opts     Options
		text     string
		requests int
		left     []string // files
	}{
		"wrong MD5":     {plain([]byte("wrong")), Options{MD5: md5Of(content)}, "wrong bytes: MD5 is 2bda2998d9b0ee197da142a0447f6725, not " + md5Of(content), 1, nil},
		"wrong SHA-256": {plain([]byte("wrong")), Options{SHA256: sha256Of(content)}, "wrong bytes: SHA-256 is", 1, nil},
		"not verified":  {plain([]byte("wrong")), Options{Verify: func(string) error { return errors.New("not a weights file") }}, "not a weights file", 1, nil},
		"404":           {status(404), Options{}, "HTTP 404 Not Found; check the address", 1, nil},
		"403":           {status(403), Options{}, "HTTP 403 Forbidden", 1, nil},
		"500":           {status(500), Options{}, "HTTP 500 Internal Server Error (try 3 of 3)", 3, nil},
		"web page":      {page, Options{}, "a web page instead of the file; is a login", 1, nil},
		"always cut":    {cut(content, 1000, ""), Options{}, "unexpected EOF (try 3 of 3); 1000 bytes are kept", 3, []string{"f.part", "f.part.json"}},
		"stalled":       {stall(nil), Options{Attempts: 1, Stall: 20 * time.Millisecond}, "nothing arrived for too long (20ms) (try 1 of 1)", 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, c.handler)
			dir := t.TempDir()
			downloaded, err := File(t.Context(), s.URL+"/f", filepath.Join(dir, "f"), quick(c.opts))
			if err == nil || downloaded {
				t.Fatal("no error")
			}
			if text := err.Error(); !strings.Contains(text, c.text) || !strings.HasPrefix(text, "fetching "+s.URL+"/f to "+dir) || strings.Contains(text, "\n") {
				t.Errorf("error %q, want one line with %q", text, c.text)
			}
			if got := len(s.ranges()); got != c.requests {
				t.Errorf("%d requests, want %d", got, c.requests)
			}
			expectFolder(t, dir, c.left...)
		})
	}
}

func TestTypedErrors(t *testing.T) {
	dir := t.TempDir()
	get := func(handler http.HandlerFunc, opts Options) error {
		_, err := File(t.Context(), serve(t, handler).URL, filepath.Join(dir, "f"), quick(opts))
		return err
	}
	var sum *ChecksumError
	if err := get(plain([]byte("wrong")), Options{MD5: md5Of(content)}); !errors.As(err, &sum) || sum.Want != md5Of(content) || sum.Algorithm != "MD5" {
		t.Errorf("%v is not the ChecksumError", err)
	}
	var code *StatusError
	if err := get(status(404), Options{}); !errors.As(err, &code) || code.Code != 404 {
		t.Errorf("%v is not the StatusError", err)
	}
	page := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(content) // told by the header alone
	}
	if err := get(page, Options{}); !errors.Is(err, ErrWebPage) {
		t.Errorf("%v is not ErrWebPage", err)
	}
}

// A stopped process leaves a part file, with which the next process goes on.
func TestCancelThenResume(t *testing.T) {
	tagged := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"a"`)
		stall(content[:200_000])(w, r)
	}
	s := serve(t, tagged, whole(content, `"a"`))
	path := filepath.Join(t.TempDir(), "f")
	ctx, cancel := context.WithCancel(t.Context())
	opts := Options{Progress: func(done, total int64) {
		if total != int64(len(content)) {
			t.Errorf("progress: %d in all, want %d", total, len(content))
		}
		if done == 200_000 {
			cancel()
		}
	}}
	if _, err := File(ctx, s.URL, path, quick(opts)); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the context's", err)
	}
	if info, err := os.Stat(path + ".part"); err != nil || info.Size() != 200_000 {
		t.Fatalf("part file: %v, %v", info, err)
	}
	var first, last int64
	opts.Progress = func(done, _ int64) {
		if first == 0 {
			first = done
		}
		last = done
	}
	if _, err := File(t.Context(), s.URL, path, quick(opts)); err != nil {
		t.Fatal(err)
	}
	expectFile(t, path, content)
	if first <= 200_000 || last != int64(len(content)) {
		t.Errorf("progress from %d to %d", first, last)
	}
	if got := s.ranges()[1]; got != "bytes=200000-" {
		t.Errorf("range %q", got)
	}
}

// A complete part file needs no request; a part file of another address is not resumed.
func TestLeftovers(t *testing.T) {
	s := serve(t, whole(content, `"a"`))
	for name, c := range map[string]struct {
		part     []byte
		state    string
		requests []string
	}{
		"complete":          {content, `{"url":"%s","validator":"\"a\"","total":300000}`, nil},
		"complete but bad":  {make([]byte, len(content)), `{"url":"%s","validator":"\"a\"","total":300000}`, []string{""}},
		"other address":     {content[:5], `{"url":"http://elsewhere/f","validator":"\"a\"","total":300000}`, []string{""}},
		"damaged state":     {content[:5], `{"url`, []string{""}},
		"longer than whole": {append(content[:len(content):len(content)], 1, 2, 3), `{"url":"%s","validator":"\"a\"","total":300000}`, []string{"bytes=300003-", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s.mu.Lock()
			s.requests = nil
			s.mu.Unlock()
			path := filepath.Join(t.TempDir(), "f")
			if err := errors.Join(
				os.WriteFile(path+".part", c.part, 0o644),
				os.WriteFile(path+".part.json", []byte(strings.ReplaceAll(c.state, "%s", s.URL+"/f")), 0o644)); err != nil {
				t.Fatal(err)
			}
			if _, err := File(t.Context(), s.URL+"/f", path, quick(Options{MD5: md5Of(content)})); err != nil {
				t.Fatal(err)
			}
			expectFile(t, path, content)
			if got := s.ranges(); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.requests) {
				t.Errorf("ranges %q, want %q", got, c.requests)
			}
		})
	}
}

// A wrong file under the final name is replaced, but kept if the download fails.
func TestReplacesWrongFile(t *testing.T) {
	s := serve(t, status(404), whole(content, ""))
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	var lines []string
	opts := quick(Options{MD5: md5Of(content), Log: func(line string) { lines = append(lines, line) }})
	if _, err := File(t.Context(), s.URL, path, opts); err == nil {
		t.Fatal("no error")
	}
	expectFile(t, path, []byte("mine"))
	if downloaded, err := File(t.Context(), s.URL, path, opts); err != nil || !downloaded {
		t.Fatal(downloaded, err)
	}
	expectFile(t, path, content)
	if !strings.Contains(lines[0], "is there but not right (wrong bytes: MD5 is") {
		t.Errorf("log %q", lines)
	}
}

func TestUnwritable(t *testing.T) {
	s := serve(t, whole(content, ""))
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "file"), nil, 0o644), os.MkdirAll(filepath.Join(dir, "f.part", "x"), 0o755),
		os.MkdirAll(filepath.Join(dir, "g", "x"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"file/f": "not a directory", // the folder can't be made
		"f":      "is a folder",     // the part file can't be written
		"g":      "is a folder",     // nor the final name be given
	} {
		_, err := File(t.Context(), s.URL, filepath.Join(dir, name), quick(Options{}))
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error %v, want %q", name, err, text)
		}
	}
	if got := len(s.ranges()); got != 0 {
		t.Errorf("%d requests, whose answers could not be kept", got)
	}
}

// A folder that takes the file's name during the download ends it: another try would be useless.
func TestUnwritableMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := os.MkdirAll(filepath.Join(path, "x"), 0o755); err != nil {
			t.Error(err)
		}
		whole(content, "")(w, r)
	})
	if _, err := File(t.Context(), s.URL, path, quick(Options{})); err == nil {
		t.Error("no error")
	}
	if got := len(s.ranges()); got != 1 {
		t.Errorf("%d requests, want 1", got)
	}
}

// Two downloads of one file: the second waits and finds it there.
func TestLock(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		close(started) // a second request would panic
		<-release
		whole(content, "")(w, r)
	})
	path := filepath.Join(t.TempDir(), "f")
	first := make(chan error)
	go func() {
		downloaded, err := File(t.Context(), s.URL, path, Options{})
		if !downloaded && err == nil {
			err = errors.New("the first did not download")
		}
		first <- err
	}()
	<-started
	opts := Options{Log: func(line string) {
		if !strings.Contains(line, "waiting for another process") {
			t.Errorf("log %q", line)
		}
		close(release)
	}}
	downloaded, err := File(t.Context(), s.URL, path, opts)
	if downloaded || err != nil {
		t.Errorf("the second: downloaded %v, error %v", downloaded, err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
	expectFile(t, path, content)
}

func TestMirror(t *testing.T) {
	s := serve(t, whole(content, ""))
	for mirror, want := range map[string]string{
		s.URL:                  "/models/v2/f.h5?raw=1",
		s.URL + "/keras/files": "/keras/files/models/v2/f.h5?raw=1",
		s.URL + "/keras/":      "/keras/models/v2/f.h5?raw=1",
	} {
		t.Setenv(EnvMirror, mirror)
		if _, err := File(t.Context(), "https://storage.invalid/models/v2/f.h5?raw=1", filepath.Join(t.TempDir(), "f"), quick(Options{MD5: md5Of(content)})); err != nil {
			t.Fatal(err)
		}
		if got := s.requests[len(s.requests)-1].RequestURI; got != want {
			t.Errorf("mirror %s was asked for %s, want %s", mirror, got, want)
		}
	}
	for mirror, text := range map[string]string{
		"mirror.example.org":  `$SKINATTN_MIRROR: "mirror.example.org" is not an http or https address`,
		"ftp://mirror/x":      "not an http or https address",
		"https://mirror :80/": "$SKINATTN_MIRROR: not a web address",
	} {
		t.Setenv(EnvMirror, mirror)
		if _, err := File(t.Context(), s.URL, filepath.Join(t.TempDir(), "f"), Options{}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("mirror %s: error %v, want %q", mirror, err, text)
		}
	}
}

// Passwords in addresses do not reach messages.
func TestNoPasswordInErrors(t *testing.T) {
	s := serve(t, status(404))
	t.Setenv(EnvMirror, strings.Replace(s.URL, "http://", "http://user:secret@", 1))
	var lines bytes.Buffer
	_, err := File(t.Context(), "https://storage.invalid/f", filepath.Join(t.TempDir(), "f"), quick(Options{Log: func(line string) { lines.WriteString(line) }}))
	if err == nil || strings.Contains(err.Error()+lines.String(), "secret") {
		t.Errorf("error %v, log %q", err, lines.String())
	}
}

// net/http reads the proxy variables once a process, so a child does this.
func TestProxy(t *testing.T) {
	if path := os.Getenv("SKINATTN_FETCH_CHILD"); path != "" {
		if _, err := File(t.Context(), "http://storage.invalid/f", path, quick(Options{})); err != nil {
			t.Fatal(err)
		}
		return
	}
	s := serve(t, whole(content, ""))
	path := filepath.Join(t.TempDir(), "f")
	child := exec.Command(os.Args[0], "-test.run=^TestProxy$")
	child.Env = append(os.Environ(), "SKINATTN_FETCH_CHILD="+path, "http_proxy="+s.URL, "no_proxy=", "NO_PROXY=", EnvMirror+"=")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := s.requests[0].RequestURI; got != "http://storage.invalid/f" {
		t.Errorf("the proxy was asked for %q", got)
	}
	expectFile(t, path, content)
}

// An unknown host and an untrusted certificate end the download at the first try.
func TestHopeless(t *testing.T) {
	t.Setenv(EnvMirror, "")
	tls := httptest.NewUnstartedServer(whole(content, ""))
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the client
	tls.StartTLS()
	defer tls.Close()
	for address, text := range map[string]string{
		tls.URL + "/f":             "certificate",
		"http://storage.invalid/f": "storage.invalid",
	} {
		tries := 0
		opts := quick(Options{Log: func(line string) { tries += strings.Count(line, "trying again") }})
		opts.Client = &http.Client{Transport: &http.Transport{}} // no proxy
		_, err := File(t.Context(), address, filepath.Join(t.TempDir(), "f"), opts)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: error %v, want %q", address, err, text)
		}
		if strings.HasPrefix(address, "https") && tries > 0 { // the answer of a name server depends on the network
			t.Errorf("%s: tried %d times more", address, tries)
		}
	}
}
