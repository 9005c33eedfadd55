package serve

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skinattn/skinattn/pkg/eval"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/run"
)

func TestPredict(t *testing.T) {
	n := &stub{}
	calibration := &run.Calibration{Scaling: &eval.Scaling{Method: "temperature", Classes: ham10000.Classes,
		Weight: slices.Repeat([]float64{.5}, 7), Bias: make([]float64, 7)}, Confidence: eval.Confidence{Threshold: .9, Below: 10, BelowRight: 4}}
	photo := pngOf(t, picture(40, 30, color.RGBA{200, 100, 50, 255}))
	for _, calibrated := range []bool{false, true} {
		opts := Options{Notes: []string{"a caveat"}}
		if calibrated {
			opts.Calibration = calibration
		}
		s := newStubServer(t, n, opts)
		got := answered[Prediction](t, post(t, s, "/v1/predict", photo, "age", "40", "sex", "male", "localization", ""))
		in := &input{pixels: []float32{200, 100, 50}}
		want := n.probabilities(in, given(40))
		if calibrated {
			want = calibration.Scaling.Probabilities(want)
		}
		first, second := 0, 0
		for k := range want {
			if got.Probabilities[ham10000.Classes[k]] != want[k] {
				t.Errorf("%v, want %v", got.Probabilities, want)
			}
			if want[k] > want[first] {
				first = k
			}
		}
		for k := range want {
			if k != first && (second == first || want[k] > want[second]) {
				second = k
			}
		}
		if got.Prediction != ham10000.Classes[first] || got.RunnerUp != ham10000.Classes[second] || got.Confidence != want[first] || got.Margin != want[first]-want[second] {
			t.Errorf("%+v", got)
		}
		if got.Calibrated != calibrated || (got.Uncertain != nil) != calibrated || calibrated && !*got.Uncertain || got.Purpose != Purpose || got.Notes[0] != "a caveat" {
			t.Errorf("%+v", got)
		}
		if *got.Metadata != (Metadata{40, "male", "unknown"}) || !slices.Equal(got.Assumed, []string{"localization"}) || got.Sweep != nil || got.Similar != nil || got.Unusual != nil {
			t.Errorf("%+v", got)
		}

		// JSON gives the same, and what is not known is assumed.
		question, err := json.Marshal(map[string]any{"photo": photo, "age": 40, "sex": "male"})
		if err != nil {
			t.Fatal(err)
		}
		again := answered[Prediction](t, do(t, s, request("POST", "/v1/predict", question, "Content-Type", "application/json; charset=utf-8")))
		if again.Confidence != got.Confidence || !slices.Equal(again.Assumed, got.Assumed) {
			t.Errorf("%+v, in a form %+v", again, got)
		}
		nothing := answered[Prediction](t, post(t, s, "/v1/predict", photo))
		if nothing.Metadata.Age != 50 || !slices.Equal(nothing.Assumed, []string{"age", "sex", "localization"}) {
			t.Errorf("%+v", nothing)
		}

		// A sweep has the prediction itself where the metadata are the same.
		swept := answered[Prediction](t, post(t, s, "/v1/predict", photo, "age", "40", "sex", "male", "localization", "back", "sweep", "true")).Sweep
		at40 := slices.Index(swept.Age.Ages, 40)
		for k, class := range ham10000.Classes {
			if swept.Age.Probabilities[class][at40] != want[k] || len(swept.Age.Probabilities[class]) != 18 {
				t.Errorf("%s at 40: %v, want %g", class, swept.Age.Probabilities[class], want[k])
			}
		}
		if len(swept.Sex) != 3 || len(swept.Localization) != 15 || swept.Localization[2].Word != "back" || swept.Localization[2].Probabilities["mel"] != want[4] {
			t.Errorf("%+v", swept)
		}
	}
	if left := n.inUse.Load(); left != 0 {
		t.Errorf("%d inputs were not released", left)
	}
}

func TestExplain(t *testing.T) {
	s := newStubServer(t, &stub{}, Options{})
	photo := pngOf(t, picture(40, 30, color.RGBA{200, 100, 50, 255}))
	x := answered[Explanation](t, post(t, s, "/v1/explain", photo, "class", "df"))
	if x.Class != "df" || x.Probability != x.Probabilities["df"] || x.Photo != (Size{40, 30}) || x.View != (View{0, 0, 40, 30}) || len(x.Maps) != 2 {
		t.Fatalf("%+v", x)
	}
	m := x.Maps[0]
	if m.Method != "soft-attention" || m.Class != "" || m.Low != 0 || m.High != 1 || m.Flat || !slices.Equal(m.Values[1], []float32{.5, 1}) {
		t.Errorf("%+v", m)
	}
	if !x.Maps[1].Flat || x.Maps[1].Class != "df" {
		t.Errorf("%+v", x.Maps[1])
	}
	file, err := base64.StdEncoding.DecodeString(m.Picture)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil || img.Bounds().Dx() != 8 || img.At(0, 0) == img.At(7, 7) {
		t.Errorf("%v, %v", img.Bounds(), err)
	}
	if x := answered[Explanation](t, post(t, s, "/v1/explain", photo)); x.Class != x.Prediction.Prediction {
		t.Errorf("explains %s, predicted is %s", x.Class, x.Prediction.Prediction)
	}
}

// neighbours is a Companion.
type neighbours struct{ err error }

func (n neighbours) HasSimilar() bool   { return true }
func (n neighbours) Rule() *UnusualRule { return &UnusualRule{2, "distance"} }
func (n neighbours) Compare(_ context.Context, photo []float32, most int) ([]Similar, *Unusual, error) {
	if len(photo) != 8*8*3 || most != 5 {
		return nil, nil, fmt.Errorf("%d values, %d photos", len(photo), most)
	}
	return []Similar{{ImageID: "ISIC_1", LesionID: "HAM_1", Dx: "mel", Distance: .5}, {ImageID: "ISIC_2", LesionID: "HAM_1", SameLesion: true, Dx: "nv", Distance: 1}}, &Unusual{3, 2, true}, n.err
}

func TestCompanion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ISIC_1.jpg")
	photo := jpegOf(t, picture(40, 30, color.White))
	if err := os.WriteFile(path, photo, 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStubServer(t, &stub{}, Options{Companion: neighbours{}, Photo: func(id string) (string, bool) { return path, id == "ISIC_1" }})
	got := answered[Prediction](t, post(t, s, "/v1/predict", photo, "similar", "true", "unusual", "true"))
	want := []Similar{{"ISIC_1", "HAM_1", false, "mel", .5, "/v1/photos/ISIC_1"}, {"ISIC_2", "HAM_1", true, "nv", 1, ""}}
	if !slices.Equal(got.Similar, want) || *got.Unusual != (Unusual{3, 2, true}) {
		t.Errorf("%+v", got)
	}
	if got := answered[Prediction](t, post(t, s, "/v1/predict", photo, "similar", "true")); got.Unusual != nil || len(got.Similar) != 2 {
		t.Errorf("%+v", got)
	}
	w := do(t, s, request("GET", "/v1/photos/ISIC_1", nil))
	if w.Code != 200 || w.Header().Get("Content-Type") != "image/jpeg" || !bytes.Equal(w.Body.Bytes(), photo) {
		t.Error(w.Code, w.Header())
	}
	if m := answered[Model](t, do(t, s, request("GET", "/v1/model", nil))); !m.Similar || !m.Photos || m.Unusual.Threshold != 2 || len(m.Classes) != 7 {
		t.Errorf("%+v", m)
	}
	failing := newStubServer(t, &stub{}, Options{Companion: neighbours{errors.New("no index")}})
	w = post(t, failing, "/v1/predict", photo, "similar", "true")
	wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), failed)
	if strings.Contains(w.Body.String(), "index") {
		t.Error("the answer has what is for the log")
	}
}

// The page and its files are there, and each answer has the headers (post and do check
// them).
func TestPage(t *testing.T) {
	s := newStubServer(t, &stub{}, Options{})
	for path, kind := range map[string]string{"/": "text/html; charset=utf-8", "/page.js": "text/javascript; charset=utf-8",
		"/page.css": "text/css; charset=utf-8", "/openapi.json": "application/json", "/healthz": "application/json", "/v1/model": "application/json"} {
		w := do(t, s, request("GET", path, nil))
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	if w := do(t, s, request("GET", "/metrics", nil)); w.Code != 200 || !strings.Contains(w.Body.String(), `skinattn_http_requests_total{route="/v1/model",status="200"} 1`) {
		t.Error(w.Code, w.Body)
	}
	// A link on another site opens the page, a script there gets nothing.
	if w := do(t, s, request("GET", "/", nil, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")); w.Code != 200 {
		t.Error(w.Code)
	}
	if w := do(t, s, request("GET", "/v1/model", nil, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors")); w.Code != 403 {
		t.Error(w.Code)
	}
}

func TestTokenAndHost(t *testing.T) {
	const token = "a-long-and-secret-word"
	s := newStubServer(t, &stub{}, Options{Token: token, Hosts: []string{"class.example"}, AnyAddress: true})
	photo, kind := form(t, jpegOf(t, picture(8, 8, color.White)))
	for _, c := range []struct {
		path, host, authorization string
		status                    int
	}{
		{"/v1/model", "127.0.0.1", "Bearer " + token, 200},
		{"/v1/model", "class.example:8420", "bearer " + token, 200},
		{"/v1/model", "192.168.1.7:8420", "Bearer " + token, 200},
		{"/v1/model", "[fe80::1]:8420", "Bearer " + token, 200},
		{"/v1/model", "CLASS.example", "", 401},
		{"/v1/model", "localhost", "Bearer " + token + "x", 401},
		{"/v1/model", "localhost", "Basic " + token, 401},
		{"/v1/model", "localhost", token, 401},
		{"/v1/model", "localhost", "Bearer ", 401},
		{"/v1/photos/ISIC_1", "localhost", "", 401},
		{"/metrics", "localhost", "", 401},
		{"/v1/model", "evil.example", "Bearer " + token, 421},
		{"/v1/model", "class.example.evil", "Bearer " + token, 421},
		{"/v1/model", "", "Bearer " + token, 421},
		{"/", "localhost", "", 200},
		{"/healthz", "localhost", "", 200},
		{"/openapi.json", "localhost", "", 200},
	} {
		r := request("GET", c.path, nil, "Host", c.host)
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		if w := do(t, s, r); w.Code != c.status {
			t.Errorf("%+v: %d %s", c, w.Code, w.Body)
		}
	}
	for _, path := range []string{"/v1/predict", "/v1/explain"} {
		w := do(t, s, request("POST", path, photo, "Content-Type", kind))
		wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), noToken)
		if w := do(t, s, request("POST", path, photo, "Content-Type", kind, "Authorization", "Bearer "+token)); w.Code != 200 {
			t.Error(w.Code, w.Body)
		}
	}
	// Without --listen only names of this machine count.
	local := newStubServer(t, &stub{}, Options{})
	for host, status := range map[string]int{"127.0.0.1:1": 200, "[::1]:1": 200, "localhost": 200, "LOCALHOST:1": 200, "192.168.1.7": 421, "a.localhost": 421} {
		if w := do(t, local, request("GET", "/healthz", nil, "Host", host)); w.Code != status {
			t.Errorf("%s: %d, want %d", host, w.Code, status)
		}
	}
}

// A photo that comes while others are on their way is predicted with them, one that is alone
// at once; and an answer is the same either way.
func TestBatches(t *testing.T) {
	var mu sync.Mutex
	var sizes []int
	hold := make(chan struct{})
	n := &stub{most: 4, before: func(photos int) {
		<-hold
		mu.Lock()
		defer mu.Unlock()
		sizes = append(sizes, photos)
	}}
	s := newStubServer(t, n, Options{Wait: time.Hour}) // waits while others are coming, and not longer
	var answers sync.WaitGroup
	var wrong atomic.Int32
	ask := func(shade uint8) {
		photo := pngOf(t, picture(8, 8, color.RGBA{shade, 20, 30, 255}))
		answers.Go(func() {
			got := answered[Prediction](t, post(t, s, "/v1/predict", photo, "age", "0"))
			if want := n.probabilities(&input{pixels: []float32{float32(shade), 20, 30}}, given(0)); got.Probabilities["bkl"] != want[2] {
				wrong.Add(1)
			}
		})
	}
	for shade := range uint8(9) {
		ask(shade * 20)
	}
	time.Sleep(50 * time.Millisecond)
	close(hold)
	answers.Wait()
	total := 0
	for _, size := range sizes {
		total += size
		if size > 4 {
			t.Errorf("%d photos together", size)
		}
	}
	if total != 9 || len(sizes) > 6 || wrong.Load() > 0 {
		t.Errorf("batches of %v, %d wrong answers", sizes, wrong.Load())
	}
}

// Beyond its bounds the server refuses at once and says when to come back.
func TestBusy(t *testing.T) {
	hold := make(chan struct{})
	s := newStubServer(t, &stub{before: func(int) { <-hold }}, Options{Queue: 8})
	photo := pngOf(t, picture(8, 8, color.White))
	var answers sync.WaitGroup
	var good, refused atomic.Int32
	for range 8 {
		answers.Go(func() {
			if post(t, s, "/v1/predict", photo).Code == 200 {
				good.Add(1)
			}
		})
	}
	for s.limits.waiting(s.opts.Queue) < 8 {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		answers.Go(func() {
			w := post(t, s, "/v1/predict", photo)
			wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), busy)
			if w.Header().Get("Retry-After") != "" {
				refused.Add(1)
			}
		})
	}
	for refused.Load() < 20 {
		time.Sleep(time.Millisecond)
	}
	close(hold)
	answers.Wait()
	if good.Load() != 8 || s.limits.waiting(s.opts.Queue) != 0 {
		t.Errorf("%d answers, %d still queued", good.Load(), s.limits.waiting(s.opts.Queue))
	}

	// One that waits too long is refused, too.
	hold2 := make(chan struct{})
	slow := newStubServer(t, &stub{before: func(int) { <-hold2 }}, Options{Patience: 50 * time.Millisecond})
	for range preparedBatches { // places for prepared photos
		answers.Go(func() { post(t, slow, "/v1/predict", photo) })
	}
	for slow.limits.waiting(slow.opts.Queue) < preparedBatches || len(slow.limits.ready) < preparedBatches {
		time.Sleep(time.Millisecond)
	}
	w := post(t, slow, "/v1/predict", photo)
	wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), busy)
	close(hold2)
	answers.Wait()
}

// A network that fails, panics or gives no numbers is answered with a problem, and the server
// goes on.
func TestFailures(t *testing.T) {
	photo := pngOf(t, picture(8, 8, color.White))
	var logged []string
	n := &stub{before: func(int) { panic("secret") }}
	s := newStubServer(t, n, Options{Log: func(line string) { logged = append(logged, line) }})
	w := post(t, s, "/v1/predict", photo)
	wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), failed)
	if strings.Contains(w.Body.String(), "secret") || len(logged) == 0 || !strings.Contains(logged[0], "secret") {
		t.Errorf("%s; logged: %q", w.Body, logged)
	}
	nan := newStubServer(t, &nanStub{}, Options{})
	w = post(t, nan, "/v1/predict", photo)
	wantProblem(t, w.Code, w.Header(), w.Body.Bytes(), failed)
	n.before = nil
	if w := post(t, s, "/v1/predict", photo); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
}

// started serves on a free port. stop ends it, and done then has the result of Serve.
func started(t testing.TB, s *Server) (address string, stop func(), done chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done = make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	return listener.Addr().String(), cancel, done
}

// While clients keep asking, the server is stopped: whatever has reached it is answered,
// rightly, and then the port is closed. A connection that waits for another request may be
// closed while one is on its way, which the server has then not seen.
func TestGracefulStop(t *testing.T) {
	n := &stub{most: 4, before: func(int) { time.Sleep(5 * time.Millisecond) }}
	s := newStubServer(t, n, Options{})
	var seen atomic.Int32
	handler := s.handler
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		handler.ServeHTTP(w, r)
	})
	address, stop, done := started(t, s)
	body, kind := form(t, pngOf(t, picture(8, 8, color.White)), "age", "0")
	want := n.probabilities(&input{pixels: []float32{255, 255, 255}}, given(0))
	var clients sync.WaitGroup
	var right, closed, refused atomic.Int32
	for range 16 {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for {
				answer, err := client.Post("http://"+address+"/v1/predict", kind, bytes.NewReader(body))
				if err != nil {
					if _, dial := errors.AsType[*net.OpError](err); dial && strings.Contains(err.Error(), "connect") {
						refused.Add(1) // not accepted: the port is closed
					} else {
						closed.Add(1)
					}
					return
				}
				text, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				var p Prediction
				if err == nil {
					err = json.Unmarshal(text, &p)
				}
				if err != nil || answer.StatusCode != 200 || p.Probabilities["mel"] != want[4] {
					t.Errorf("%v %s %s", err, answer.Status, text)
					return
				}
				right.Add(1)
			}
		})
	}
	for right.Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	stop()
	clients.Wait()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if seen.Load() != right.Load() || refused.Load() == 0 {
		t.Errorf("%d right answers to %d requests, %d not seen, %d refused", right.Load(), seen.Load(), closed.Load(), refused.Load())
	}
	if n.inUse.Load() != 0 {
		t.Errorf("%d inputs were not released", n.inUse.Load())
	}
}

// The most probable classes, by hand.
func TestTopTwo(t *testing.T) {
	for _, c := range []struct {
		p             []float32
		first, second int
	}{
		{[]float32{.1, .5, .4}, 1, 2}, {[]float32{.5, .1, .4}, 0, 2}, {[]float32{.3, .4, .3}, 1, 0}, {[]float32{.4, .4, .2}, 0, 1}, {[]float32{.2, .3, .5}, 2, 1},
		{[]float32{float32(math.NaN()), 1, 0}, 0, 1},
	} {
		if first, second := topTwo(c.p); first != c.first || second != c.second {
			t.Errorf("%v: %d %d", c.p, first, second)
		}
	}
}
