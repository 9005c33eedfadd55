package eval

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const smallCSV = `image_id,lesion_id,dx,mel,nv
ISIC_1,HAM_1,mel,0.75,0.25
ISIC_2,,,1e-05,0.99999
"ISIC,3",HAM_1,nv,0,1
`

func smallPredictions() *Predictions {
	return &Predictions{
		Classes:   []string{"mel", "nv"},
		ImageIDs:  []string{"ISIC_1", "ISIC_2", "ISIC,3"},
		LesionIDs: []string{"HAM_1", "", "HAM_1"},
		Truth:     []int{0, TruthUnknown, 1},
		Probs:     [][]float32{{0.75, 0.25}, {1e-05, 0.99999}, {0, 1}},
	}
}

func TestParsePredictions(t *testing.T) {
	for name, text := range map[string]string{
		"plain":             smallCSV,
		"byte order mark":   "\uFEFF" + smallCSV,
		"CRLF":              strings.ReplaceAll(smallCSV, "\n", "\r\n"),
		"no final line end": strings.TrimSuffix(smallCSV, "\n"),
	} {
		got, err := ParsePredictions(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(smallPredictions(), got.Predictions()); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestWriteCSV(t *testing.T) {
	var got bytes.Buffer
	if err := tableOf(smallPredictions()).WriteCSV(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(smallCSV, got.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// A table without lesion ids is written with unknown lesions.
	p := smallPredictions()
	p.LesionIDs = nil
	got.Reset()
	if err := tableOf(p).WriteCSV(&got); err != nil {
		t.Fatal(err)
	}
	if want := strings.ReplaceAll(smallCSV, "HAM_1", ""); got.String() != want {
		t.Errorf("without lesions: got\n%s", &got)
	}
}

func TestReadCSVErrors(t *testing.T) {
	const header = "image_id,lesion_id,dx,mel,nv\n"
	tests := []struct {
		name, text string
		want       []string // parts of the message
	}{
		{"empty", "", []string{"the file is empty"}},
		{"wrong header", "image,lesion_id,dx,mel,nv\n", []string{"predictions.csv:1: ", "image,lesion_id", "image_id,lesion_id,dx"}},
		{"no classes", "image_id,lesion_id,dx\n", []string{"predictions.csv:1: ", "at least two"}},
		{"one class", "image_id,lesion_id,dx,mel\n", []string{"predictions.csv:1: ", "at least two"}},
		{"class twice", "image_id,lesion_id,dx,mel,mel\n", []string{"predictions.csv:1: ", `"mel"`, "twice"}},
		{"empty class", "image_id,lesion_id,dx,mel,\n", []string{"predictions.csv:1: ", "class column 2"}},
		{"unknown class", header + "a,,mel,1,0\nb,,melanoma,1,0\n", []string{"predictions.csv:3: ", "column dx", `"melanoma"`, "mel, nv"}},
		{"not a number", header + "a,,mel,x,1\n", []string{"predictions.csv:2: ", "column mel", `"x"`}},
		{"empty cell", header + "a,,mel,1,\n", []string{"predictions.csv:2: ", "column nv", `""`}},
		{"NaN", header + "a,,mel,NaN,1\n", []string{"predictions.csv:2: ", "column mel", "NaN", "[0, 1]"}},
		{"infinite", header + "a,,mel,0,Inf\n", []string{"predictions.csv:2: ", "column nv"}},
		{"beyond float32", header + "a,,mel,0,1e99\n", []string{"predictions.csv:2: ", "column nv"}},
		{"negative", header + "a,,mel,-0.1,1.1\n", []string{"predictions.csv:2: ", "column mel", "-0.1"}},
		{"above one by more than rounding", header + "a,,mel,1.00001,0\n", []string{"predictions.csv:2: ", "column mel", "1.00001"}},
		{"above one", header + "a,,mel,1.5,0\n", []string{"predictions.csv:2: ", "column mel", "1.5"}},
		{"sum", header + "a,,mel,0.5,0.4\n", []string{"predictions.csv:2: ", "sum to 0.9"}},
		{"sum just beyond tolerance", header + "a,,mel,0.5,0.50011\n", []string{"predictions.csv:2: ", "sum to 1.00011"}},
		{"duplicate image", header + "a,,mel,1,0\nb,,mel,1,0\na,,nv,1,0\n", []string{"predictions.csv:4: ", "column image_id", `"a"`, "before"}},
		{"no image id", header + ",x,mel,1,0\n", []string{"predictions.csv:2: ", "column image_id", "empty"}},
		{"short row", header + "a,,mel,1\n", []string{"predictions.csv:2: ", "4 fields and the header 5"}},
		{"quote", header + "a,,mel,1,\"0\n", []string{"predictions.csv:2: "}},
		{"row after quoted line end", header + "\"a\nb\",,mel,1,0\n", []string{"predictions.csv:2: ", "control character"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "predictions.csv")
			if err := os.WriteFile(path, []byte(tt.text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadPredictions(path)
			if err == nil {
				t.Fatal("read without an error")
			}
			if row := (*RowError)(nil); !errors.As(err, &row) || row.File != path {
				t.Errorf("error %v is no RowError of the file", err)
			}
			for _, part := range append(tt.want, path) {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not name %q", err, part)
				}
			}
		})
	}
}

func TestReadFileMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "absent.csv")
	if _, err := ReadPredictions(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v does not name %s", err, path)
	}
}

func TestSumTolerance(t *testing.T) {
	p := smallPredictions()
	p.Probs[0] = []float32{0.75, 0.25 - 0.9e-4}
	if err := p.Validate(); err != nil {
		t.Errorf("sum within the tolerance: %v", err)
	}
	p.Probs[0] = []float32{1.0000001, 0} // 1/15 added fifteen times in float32
	if err := p.Validate(); err != nil {
		t.Errorf("one rounding error above 1: %v", err)
	}
}

func TestValidateErrors(t *testing.T) {
	tests := map[string]func(*Predictions){
		"truth out of range": func(p *Predictions) { p.Truth[1] = 2 },
		"truth below -1":     func(p *Predictions) { p.Truth[1] = -2 },
		"short truth":        func(p *Predictions) { p.Truth = p.Truth[:2] },
		"short lesions":      func(p *Predictions) { p.LesionIDs = p.LesionIDs[:1] },
		"short probs":        func(p *Predictions) { p.Probs = p.Probs[:1] },
		"ragged probs":       func(p *Predictions) { p.Probs[2] = []float32{1} },
		"lesion line end":    func(p *Predictions) { p.LesionIDs[0] = "a\r\n" },
		"class with space":   func(p *Predictions) { p.Classes = []string{" mel", "nv"} },
		"class control":      func(p *Predictions) { p.Classes = []string{"m\tl", "nv"} },
	}
	for name, damage := range tests {
		p := smallPredictions()
		damage(p)
		if p.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := NewTable(p); err == nil {
			t.Errorf("%s: made a table", name)
		}
	}
}

func TestWriteFileKeepsOldOnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "predictions.csv")
	p := smallPredictions()
	if err := tableOf(p).WriteFile(path); err != nil {
		t.Fatal(err)
	}
	p.Probs[1][0] = 0.5
	if _, err := NewTable(p); err == nil || !strings.Contains(err.Error(), "ISIC_2") {
		t.Errorf("error %v does not name the image", err)
	}
	if err := tableOf(smallPredictions()).WriteFile(filepath.Join(path, "below.csv")); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v does not name the file", err)
	}
	got, err := ReadPredictions(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(smallPredictions(), got.Predictions()); diff != "" {
		t.Errorf("old file changed (-want +got)\n%s", diff)
	}
}

// DataFrame.to_csv writes its index first, read_csv calls such a column "Unnamed: 0", and the
// next to_csv writes that (pandas 2.3).
func TestReadsTheIndexOfPandas(t *testing.T) {
	want, err := ParsePredictions(strings.NewReader("image_id,lesion_id,dx,a,b\nx,l,a,.75,.25\ny,l,b,.5,.5\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "Unnamed: 0"} {
		got, err := ParsePredictions(strings.NewReader(name + ",image_id,lesion_id,dx,a,b\n0,x,l,a,.75,.25\n1,y,l,b,.5,.5\n"))
		if err != nil || got.SHA256() != want.SHA256() {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := ParsePredictions(strings.NewReader("n,image_id,lesion_id,dx,a,b\n0,x,l,a,.75,.25\n")); err == nil {
		t.Error("another column before the table's is no error")
	}
}

// Any table that can be read is valid, and is equal after writing and reading.
func FuzzParsePredictions(f *testing.F) {
	f.Add([]byte(smallCSV))
	f.Add([]byte("\uFEFFimage_id,lesion_id,dx,a,b\r\nx,,,-0,1\r\n"))
	f.Add([]byte("image_id,lesion_id,dx,a,b\n\"\"\"q\",\" \",b,0x1p-1,.5\n"))
	f.Add([]byte("image_id,lesion_id,dx,mel,bcc,akiec\nx,l,mel,1,0,0\ny,l,bcc,0,1,0\nz,,akiec,.5,.5,0\n"))
	f.Add([]byte(",image_id,lesion_id,dx,a,b\n0,x,l,a,.75,.25\n"))
	f.Add([]byte("image_id,lesion_id,dx,a,b\n\xff,,a,3.4e-46,1\n\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := ParsePredictions(bytes.NewReader(text))
		if err != nil {
			return
		}
		p := table.Predictions()
		if err := p.Validate(); err != nil {
			t.Fatalf("read a table that is not valid: %v", err)
		}
		var first, second bytes.Buffer
		if err := table.WriteCSV(&first); err != nil {
			t.Fatal(err)
		}
		again, err := ParsePredictions(bytes.NewReader(first.Bytes()))
		if err != nil {
			t.Fatalf("does not read back: %v\n%s", err, first.Bytes())
		}
		if err := again.WriteCSV(&second); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Fatalf("round trip changed\n%q\nto\n%q", first.Bytes(), second.Bytes())
		}
		useEverything(t, p)
	})
}

// useEverything calls every function that takes a table. No function may panic, and
// every resulting table must be valid.
func useEverything(t *testing.T, p *Predictions) {
	m, err := Evaluate(ctx, tableOf(p), Options{Resamples: 3, Method: BCaCI, Stratified: true})
	if err != nil {
		t.Fatalf("valid table does not evaluate: %v", err)
	}
	paths := m.Paths()
	for i, v := range m.Values() {
		if math.IsInf(v, 0) || math.IsNaN(v) && m.Undefined[paths[i]] == "" {
			t.Errorf("%s is %v without a reason", paths[i], v)
		}
		if ci := m.CI[paths[i]]; math.IsNaN(ci.Low) && m.Undefined["ci."+paths[i]] == "" {
			t.Errorf("the interval of %s is undefined without a reason", paths[i])
		}
	}
	if _, err := Compare(ctx, tableOf(p), tableOf(p), Options{Resamples: 2}); err != nil {
		t.Errorf("comparing: %v", err)
	}
	if _, err := MeasureLeak(ctx, tableOf(p), func(id string) bool { return len(id)%2 == 0 }, Options{Resamples: 2}); err != nil {
		t.Errorf("leak: %v", err)
	}
	for _, how := range []Combination{CombineMean, CombineGeometricMean, CombineRank} {
		if q, err := Combine(how, tableOf(p), tableOf(p)); err != nil {
			t.Errorf("%s: %v", how, err)
		} else if err := q.Predictions().Validate(); err != nil {
			t.Errorf("%s makes a table that is not valid: %v", how, err)
		}
	}
	for _, fit := range []func(*Table) (*Scaling, error){FitTemperature, FitVector} {
		s, err := fit(tableOf(p))
		if err != nil {
			continue // no images, or no best temperature
		}
		if q, err := s.Apply(tableOf(p)); err != nil {
			t.Errorf("%s scaling: %v", s.Method, err)
		} else if err := q.Predictions().Validate(); err != nil {
			t.Errorf("%s scaling makes a table that is not valid: %v", s.Method, err)
		}
	}
}

func TestGoldenTablesThroughEverything(t *testing.T) {
	for name, p := range goldenTables(t) {
		t.Run(name, func(t *testing.T) { useEverything(t, p) })
	}
}

func TestEveryFloat32RoundTrips(t *testing.T) {
	p := syntheticPredictions(newRNG(7), 500, 7, 0)
	var text bytes.Buffer
	if err := tableOf(p).WriteCSV(&text); err != nil {
		t.Fatal(err)
	}
	got, err := ParsePredictions(&text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, got.Predictions()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
