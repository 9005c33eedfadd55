package serve

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/skinattn/skinattn/pkg/skinattn"
	"github.com/skinattn/skinattn/pkg/skinattn/explain"
	"github.com/skinattn/skinattn/pkg/skinattn/ham10000"
	"github.com/skinattn/skinattn/pkg/skinattn/imaging"
	"github.com/skinattn/skinattn/pkg/skinattn/spec"
)

// stub is a network whose prediction depends on a photo's colour and the patient's age
// alone.
type stub struct {
	most   int
	inUse  atomic.Int32 // inputs that are not released
	before func(photos int)
}

var stubInfo = &skinattn.Network{Network: spec.Network{Backbone: "stub", Size: 8, Metadata: true, SoftAttention: true}}

func (n *stub) info() *skinattn.Network  { return stubInfo }
func (n *stub) meanAge() float64         { return 50 }
func (n *stub) together() int            { return max(n.most, 1) }
func (n *stub) upright(*input) []float32 { return make([]float32, 8*8*3) }
func (n *stub) capacity() int            { return n.together() }
func (n *stub) warm() (bool, error)      { return false, nil }
func (n *stub) release(*input)           { n.inUse.Add(-1) }
func (n *stub) close()                   {}

func (n *stub) prepare(photo *imaging.RGB) *input {
	n.inUse.Add(1)
	in := &input{size: Size{photo.Width, photo.Height}, view: image.Rect(0, 0, photo.Width, photo.Height)}
	for k := range 3 {
		in.pixels = append(in.pixels, float32(photo.Pix[k]))
	}
	return in
}

// probabilities of the stub: they sum to 1.
func (n *stub) probabilities(in *input, m skinattn.Metadata) []float32 {
	var sum float32
	p := make([]float32, ham10000.NumClasses)
	for k := range p {
		p[k] = 1 + in.pixels[k%3]/255*float32(k) + float32(m.Age)/100*float32(k%2)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}

func (n *stub) predict(inputs []*input) ([]skinattn.Prediction, error) {
	if n.before != nil {
		n.before(len(inputs))
	}
	var all []skinattn.Prediction
	for _, in := range inputs {
		all = append(all, skinattn.Prediction{Probabilities: n.probabilities(in, in.metadata)})
	}
	return all, nil
}

func (n *stub) sweep(in *input, patients []skinattn.Metadata) (rows [][]float32, err error) {
	for _, m := range patients {
		rows = append(rows, n.probabilities(in, m))
	}
	return rows, nil
}

func (n *stub) explain(in *input, class int) ([]explain.Map, error) {
	return []explain.Map{
		{Method: explain.SoftAttention, Height: 2, Width: 2, Values: []float32{0, .25, .5, 1}},
		{Method: explain.GradCAM, Class: ham10000.Classes[class], Height: 2, Width: 2, Values: []float32{1, 1, 1, 1}},
	}, nil
}

// newStubServer returns a server with a stub. Close is called at the end.
func newStubServer(t testing.TB, n network, opts Options) *Server {
	t.Helper()
	if opts.Name == "" {
		opts.Name = "stub"
	}
	s := newServer(n, opts)
	t.Cleanup(s.Close)
	return s
}

// picture draws a photo of one colour with a mark.
func picture(width, height int, c color.Color) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.Set(x, y, c)
		}
	}
	return img
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// form is a body of multipart/form-data. Fields are pairs of name and text; a photo of nil is
// left out.
func form(t testing.TB, photo []byte, fields ...string) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if photo != nil {
		part, err := w.CreateFormFile("photo", "photo.jpg")
		if err != nil {
			t.Fatal(err)
		}
		part.Write(photo)
	}
	for i := 0; i < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

// request makes a request as net/http's server hands it over.
func request(method, target string, body []byte, header ...string) *http.Request {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	r := httptest.NewRequest(method, "http://127.0.0.1"+target, reader)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// post asks about a photo and checks the answer against openapi.json.
func post(t testing.TB, s *Server, path string, photo []byte, fields ...string) *httptest.ResponseRecorder {
	t.Helper()
	body, contentType := form(t, photo, fields...)
	return do(t, s, request("POST", path, body, "Content-Type", contentType))
}

// do sends a request and checks the answer against openapi.json.
func do(t testing.TB, s *Server, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	documented(t, r, w.Result(), w.Body.Bytes())
	return w
}

// answered decodes an answer of 200.
func answered[T any](t testing.TB, w *httptest.ResponseRecorder) (value T) {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil {
		t.Fatal(err, w.Body)
	}
	return value
}

// wantProblem checks that an answer is the problem of a kind, and a sentence.
func wantProblem(t testing.TB, status int, header http.Header, body []byte, k kind) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Errorf("%d, no problem: %s", status, body)
		return p
	}
	if status != k.status || p.Status != k.status || p.Type != problemURN+k.name || p.Title != k.title {
		t.Errorf("%d %+v, want %d %s", status, p, k.status, k.name)
	}
	if len(p.Detail) < 20 || strings.ToUpper(p.Detail[:1]) != p.Detail[:1] || !strings.HasSuffix(p.Detail, ".") {
		t.Errorf("%q is no sentence", p.Detail)
	}
	if kind := header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("the problem is of type %q", kind)
	}
	return p
}

// given are completed metadata of the stub.
func given(age float64) skinattn.Metadata { return skinattn.Metadata{Age: age} }

// nanStub predicts no numbers.
type nanStub struct{ stub }

func (n *nanStub) predict(inputs []*input) ([]skinattn.Prediction, error) {
	all, err := n.stub.predict(inputs)
	for _, p := range all {
		p.Probabilities[3] = float32(math.NaN())
	}
	return all, err
}
