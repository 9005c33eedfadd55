package dataverse

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// cut answers with the first half of the file and closes the connection.
func (s *remote) cut(t *testing.T, w http.ResponseWriter, name string) {
	content := s.content[name]
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.Header().Set("Accept-Ranges", "bytes")
	w.Write(content[:len(content)/2])
	w.(http.Flusher).Flush()
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	conn.Close()
}

func TestFaultsThatAreOvercome(t *testing.T) {
	t.Parallel()
	half := func(s *remote) string { return fmt.Sprintf("%s from %d", part1, len(s.content[part1])/2) }
	tests := []struct {
		name  string
		fault func(s *remote, w http.ResponseWriter, r *http.Request, n int) bool
		want  func(s *remote) []string // requests of part 1
	}{
		{"cut connection goes on", func(s *remote, w http.ResponseWriter, r *http.Request, n int) bool {
			if n == 0 {
				s.cut(t, w, part1)
			}
			return n == 0
		}, func(s *remote) []string { return []string{part1, half(s)} }},
		{"stalled transfer goes on", func(s *remote, w http.ResponseWriter, r *http.Request, n int) bool {
			if n == 0 {
				w.Header().Set("Content-Length", fmt.Sprint(len(s.content[part1])))
				w.Write(s.content[part1][:len(s.content[part1])/2])
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}
			return n == 0
		}, func(s *remote) []string { return []string{part1, half(s)} }},
		{"server out of order for a while", func(s *remote, w http.ResponseWriter, r *http.Request, n int) bool {
			if n < 3 {
				http.Error(w, "later", []int{503, 429, 500}[n])
			}
			return n < 3
		}, func(s *remote) []string { return []string{part1, part1, part1, part1} }},
		{"server that cannot go on sends all anew", func(s *remote, w http.ResponseWriter, r *http.Request, n int) bool {
			switch n {
			case 0:
				s.cut(t, w, part1)
			case 1:
				w.Write(s.content[part1]) // 200 with everything, in spite of the range
			default:
				return false
			}
			return true
		}, func(s *remote) []string { return []string{part1, half(s)} }},
		{"wrong bytes once", func(s *remote, w http.ResponseWriter, r *http.Request, n int) bool {
			if n == 0 {
				wrong := bytes.Clone(s.content[part1])
				wrong[1000]++
				w.Write(wrong)
			}
			return n == 0
		}, func(s *remote) []string { return []string{part1, part1} }},
		{"wrong bytes after the cut", func(s *remote, w http.ResponseWriter, r *http.Request, n int) bool {
			switch n {
			case 0:
				s.cut(t, w, part1)
			case 1:
				wrong := make([]byte, len(s.content[part1]))
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(wrong))
			default:
				return false
			}
			return true
		}, func(s *remote) []string { return []string{part1, half(s), part1} }},
		{"login page in place of the file", func(s *remote, w http.ResponseWriter, r *http.Request, n int) bool {
			if n == 0 {
				fmt.Fprint(w, "<html>please sign in")
			}
			return n == 0
		}, func(s *remote) []string { return []string{part1, part1} }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newRemote(t)
			s.fault = func(w http.ResponseWriter, r *http.Request, name string, n int) bool {
				return name == part1 && test.fault(s, w, r, n)
			}
			dir := t.TempDir()
			mustRun(t, s, dir, Options{})
			var got []string
			for _, r := range s.take() {
				if strings.HasPrefix(r, part1) {
					got = append(got, r)
				}
			}
			if want := test.want(s); !slices.Equal(got, want) {
				t.Errorf("requests %v, want %v", got, want)
			}
			if got := outside(files(t, dir)); !slices.Equal(got, whole) {
				t.Errorf("the folder holds %v", got)
			}
		})
	}
}

func TestFaultsThatEndIt(t *testing.T) {
	t.Parallel()
	always := func(answer func(w http.ResponseWriter)) func(s *remote) {
		return func(s *remote) {
			s.fault = func(w http.ResponseWriter, r *http.Request, name string, n int) bool {
				if name == part1 {
					answer(w)
				}
				return name == part1
			}
		}
	}
	tests := []struct {
		name     string
		arrange  func(s *remote)
		want     string
		requests int // of part 1
	}{
		{"not there", always(func(w http.ResponseWriter) { http.NotFound(w, nil) }), "answers HTTP 404", 1},
		{"not allowed", always(func(w http.ResponseWriter) { http.Error(w, "no", http.StatusForbidden) }), "answers HTTP 403", 1},
		{"out of order for good", always(func(w http.ResponseWriter) { http.Error(w, "later", http.StatusServiceUnavailable) }), "(try 6 of 6)", 6},
		{"wrong bytes for good", always(func(w http.ResponseWriter) { fmt.Fprint(w, "<html>please sign in") }), "wrong bytes twice", 2},
		{"too few pictures", func(s *remote) { s.count[part1] = 3 }, "2 pictures, not 3", 1},
	}
	for name, entries := range map[string][]string{
		"leaves the folder":              {"ISIC_0024306.jpg", "../ISIC_0024307.jpg"},
		"leaves the folder from a lower": {"ISIC_0024306.jpg", "a/../../ISIC_0024307.jpg"},
		"has an absolute path":           {"ISIC_0024306.jpg", "/tmp/ISIC_0024307.jpg"},
		"has a Windows path":             {"ISIC_0024306.jpg", `..\ISIC_0024307.jpg`},
	} {
		tests = append(tests, struct {
			name     string
			arrange  func(s *remote)
			want     string
			requests int
		}{name, func(s *remote) { s.content[part1] = archive(t, entries...); s.pin(part1) }, "would leave the folder; refused", 1})
	}
	for name, entries := range map[string][]string{
		"has a link":          {"ISIC_0024306.jpg", "LINK:ISIC_0024307.jpg"},
		"has a strange image": {"ISIC_0024306.jpg", "ISIC_0024307_extra.jpg"},
	} {
		tests = append(tests, struct {
			name     string
			arrange  func(s *remote)
			want     string
			requests int
		}{name, func(s *remote) { s.content[part1] = archive(t, entries...); s.pin(part1) }, "no picture of the data set; refused", 1})
	}
	tests = append(tests, struct {
		name     string
		arrange  func(s *remote)
		want     string
		requests int
	}{"no archive", func(s *remote) { s.content[part1] = []byte("text"); s.pin(part1) }, "no zip archive", 1})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newRemote(t)
			test.arrange(s)
			parent := t.TempDir()
			dir := filepath.Join(parent, "ham10000")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			wantFailure(t, s, dir, test.want, Options{})
			n := 0
			for _, r := range s.take() {
				if strings.HasPrefix(r, part1) {
					n++
				}
			}
			if n != test.requests {
				t.Errorf("%d requests, want %d", n, test.requests)
			}
			if got := outside(files(t, dir)); !slices.Equal(got, []string{metadata}) {
				t.Errorf("the folder holds %v", got)
			}
			if entries, _ := os.ReadDir(parent); len(entries) != 1 {
				t.Errorf("written outside the folder: %v", entries)
			}
		})
	}
}
