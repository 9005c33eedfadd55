package serve

import (
	"bytes"
	"encoding/json"
	"image/color"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fuzzed is the server of FuzzAPI, with what it held at the beginning.
var fuzzed = sync.OnceValue(func() *Server {
	return newServer(&stub{most: 2}, Options{Name: "stub", MaxBytes: 64 << 10, MaxPixels: 100_000, Queue: 64})
})

var (
	fuzzRequests atomic.Int64
	fuzzBase     struct {
		sync.Once
		goroutines int
		heap       uint64
	}
)

// heapAlive is the memory that is in use.
func heapAlive() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// FuzzAPI sends requests of any form. Each must be answered, not with a failure of the server
// (5xx), with the headers and, if it is refused, with a problem; and neither goroutines, nor
// memory, nor places in the queue may get lost.
func FuzzAPI(f *testing.F) {
	photo := pngOf(f, picture(4, 3, color.White))
	body, contentType := form(f, photo, "age", "40", "sex", "male", "sweep", "true")
	for _, path := range []string{"/v1/predict", "/v1/explain"} {
		f.Add("POST", path, contentType, "127.0.0.1", "", body)
	}
	cut, cutType := form(f, jpegOf(f, picture(9, 9, color.Black))[:200], "class", "mel", "localization", "back", "similar", "1")
	f.Add("POST", "/v1/explain", cutType, "localhost:8420", "http://localhost:8420", cut)
	f.Add("POST", "/v1/predict", "application/json", "[::1]", "null", []byte(`{"photo":"iVBORw0KGgo=","age":40,"sweep":true}`))
	f.Add("POST", "/v1/predict", "application/json", "localhost", "", []byte(`{"age":4e400,"sex":[{}],"class":null}`))
	f.Add("GET", "/v1/photos/ISIC_0000001", "", "localhost", "", []byte(nil))
	f.Add("GET", "/../page.js", "", "evil.example", "http://evil.example", []byte(nil))
	f.Add("HEAD", "/v1/model", "", "127.0.0.1:1", "", []byte(nil))
	f.Add("GET", "/", "", "127.0.0.1:1", "", []byte(nil))
	f.Fuzz(func(t *testing.T, method, path, contentType, host, origin string, body []byte) {
		if len(body) > 1<<20 {
			t.Skip("bodies above the limit of the server are tried in TestBadRequests")
		}
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", bytes.NewReader(body))
		r.Method, r.URL.Path, r.Host = method, path, host
		r.Header.Set("Content-Type", contentType)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if len(body) > 0 && body[0] == '?' { // of unknown length
			r.ContentLength = -1
		}
		s := fuzzed()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code < 200 || w.Code >= 500 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		for name, value := range headers {
			if got := w.Header().Get(name); got != value && name != "Cache-Control" {
				t.Fatalf("header %s is %q", name, got)
			}
		}
		switch kind := w.Header().Get("Content-Type"); {
		case w.Code >= 400:
			var p Problem
			if kind != "application/problem+json" || json.Unmarshal(w.Body.Bytes(), &p) != nil || p.Status != w.Code || !strings.HasPrefix(p.Type, problemURN) || p.Detail == "" {
				t.Fatalf("%d %s %s", w.Code, kind, w.Body)
			}
		case w.Code == 200 && method == "POST":
			var answer Explanation
			if kind != jsonType || json.Unmarshal(w.Body.Bytes(), &answer) != nil || len(answer.Probabilities) != 7 || answer.Purpose != Purpose {
				t.Fatalf("%s %s", kind, w.Body)
			}
		}
		noLeak(t, s)
	})
}

// noLeak looks, once in a while, for what a request should have given back.
func noLeak(t *testing.T, s *Server) {
	if s.limits.waiting(s.opts.Queue) != 0 || s.limits.bytes != bodyBytes || len(s.limits.ready) != 0 || len(s.limits.takers) != 0 || s.batcher.coming.Load() != 0 {
		t.Fatalf("places are lost: %d requests, %d bytes, %d ready", s.limits.waiting(s.opts.Queue), bodyBytes-s.limits.bytes, len(s.limits.ready))
	}
	if left := s.net.(*stub).inUse.Load(); left != 0 {
		t.Fatalf("%d inputs were not released", left)
	}
	const every = 20_000
	if n := fuzzRequests.Add(1); n%every != 0 {
		return
	}
	fuzzBase.Do(func() { fuzzBase.goroutines, fuzzBase.heap = runtime.NumGoroutine(), heapAlive() })
	if now := runtime.NumGoroutine(); now > fuzzBase.goroutines+10 {
		t.Fatalf("%d goroutines, %d at the beginning", now, fuzzBase.goroutines)
	}
	// The fuzzing engine keeps its own corpus in the memory of this process.
	if now := heapAlive(); now > fuzzBase.heap+64<<20 {
		t.Fatalf("%d bytes in use, %d at the beginning", now, fuzzBase.heap)
	}
}

// FuzzPhoto sends forms with a photo of any bytes: deeper than FuzzAPI gets by itself.
func FuzzPhoto(f *testing.F) {
	f.Add(pngOf(f, picture(4, 3, color.White)), uint16(40), "male", "back")
	f.Add(jpegOf(f, picture(9, 9, color.Black)), uint16(400), "", "")
	f.Add(bomb(10_000, 10_000), uint16(0), "female", "moon")
	f.Fuzz(func(t *testing.T, photo []byte, age uint16, sex, localization string) {
		if len(photo) > 48<<10 {
			t.Skip("a larger photo tells no more and slows the search")
		}
		body, contentType := form(t, photo, "age", strconv.Itoa(int(age)), "sex", sex, "localization", localization, "sweep", "true")
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/v1/explain", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		s := fuzzed()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 200 && (w.Code < 400 || w.Code >= 500) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		noLeak(t, s)
	})
}
