package split

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteAndRead(t *testing.T) {
	records := synthetic(8, 150)
	for name, opts := range configurations(18446744073709551615) {
		s, err := New(protocolOf(name), records, opts)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "split.csv")
		for range 2 { // the second time over the first
			if err := s.WriteFile(path); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		got, err := ReadFile(path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(s, got); diff != "" {
			t.Errorf("%s: read back (-want +got):\n%s", name, diff)
		}
	}
}

func TestFileContents(t *testing.T) {
	s := &Split{Protocol: Grouped, Options: Options{Seed: 3, Folds: 5}, Rows: []Row{
		{"ISIC_1", "HAM_1", "mel", Train}, {"ISIC_2", "HAM_2", "nv", Val}, {"ISIC_3", "HAM_3", "mel", Test},
	}}
	path := filepath.Join(t.TempDir(), "g.csv")
	if err := s.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const want = "image_id,lesion_id,dx,part\nISIC_1,HAM_1,mel,train\nISIC_2,HAM_2,nv,val\nISIC_3,HAM_3,mel,test\n"
	if string(text) != want {
		t.Errorf("CSV:\n%s\nwant\n%s", text, want)
	}
	summary, err := os.ReadFile(strings.TrimSuffix(path, ".csv") + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(summary, &got); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	none := map[string]any{"akiec": 0., "bcc": 0., "bkl": 0., "df": 0., "mel": 0., "nv": 0., "vasc": 0.}
	with := func(dx string) map[string]any {
		m := map[string]any{}
		for k, v := range none {
			m[k] = v
		}
		m[dx] = 1.
		return m
	}
	wantSummary := map[string]any{
		"protocol": "grouped", "seed": 3., "folds": 5., "fold": 0., "sha256": hex.EncodeToString(sum[:]),
		"images":    map[string]any{"train": 1., "val": 1., "test": 1.},
		"lesions":   map[string]any{"train": 1., "val": 1., "test": 1.},
		"counts":    map[string]any{"train": with("mel"), "val": with("nv"), "test": with("mel")},
		"leak_rate": 0.,
		"leak_rate_by_class": map[string]any{
			"akiec": nil, "bcc": nil, "bkl": nil, "df": nil, "mel": 0., "nv": 0., "vasc": nil,
		},
	}
	if diff := cmp.Diff(wantSummary, got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestDrawIsStable(t *testing.T) {
	// The checksums come from this program. A new checksum means that the same seed now
	// draws other splits: such a change needs a reason and a line in the changelog.
	want := map[string]string{
		Paper:                 "7a538f385ee9be901e7f5ce65efd48920618289f7ee23d659e5d4982261e5a1d",
		Grouped:               "0645220e54413336217f0996eae2b26d0395bc03a4873aeaced5c886c258e4f7",
		Grouped + " fold":     "509cc1339bec19a977300b193c4a631c44d01c3bafe427a9ab54febc77036a54",
		Datta828:              "f61746864a9965de0f26ebd6639ef2760bc4f2d05c16c9191846ead594d355b9",
		Datta828 + " as run":  "2200a0e4bfe3800d625a436a135005461e6a7655b5bfc4437fc67a3a31caacff",
		LeakPair + " with":    "db0c1b2d5ac90afb33adae09f9638e893ae4b09bb7c778478e2967c0010b261e",
		LeakPair + " without": "c3c398fba0946c91c32985bf45bec1e5a3d71fb51700ed2aea9e3c11c7ac9721",
		ISIC2018:              "0fba32485434d5a60cbbee7b9e1580e3487bb038041803928da2a5657dd67a61",
	}
	for name, opts := range configurations(1) {
		s, err := New(protocolOf(name), synthetic(1, 100), opts)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Summary().SHA256; got != want[name] {
			t.Errorf("%s: SHA-256 %s, recorded %s", name, got, want[name])
		}
	}
}

func TestReadFileErrors(t *testing.T) {
	const good = "image_id,lesion_id,dx,part\nI1,L1,nv,train\n"
	tests := []struct{ name, csv, want string }{
		{"empty", "", ":1: the file is empty; want the header"},
		{"other header", "image,lesion,dx,part\n", ":1: want the header"},
		{"header only", "image_id,lesion_id,dx,part\n", "no rows"},
		{"short row", good + "I2,L2,nv\n", ":3: "},
		{"long row", good + "I2,L2,nv,val,x\n", ":3: "},
		{"quote", good + "I2,L\"2,nv,val\n", ":3: "},
		{"unknown part", good + "I2,L2,nv,dev\n", `:3: column part: unknown part "dev"`},
		{"unknown class", good + "I2,L2,scc,val\n", `:3: column dx: unknown diagnosis "scc"`},
		{"image twice", good + "I1,L1,nv,val\n", ":3: column image_id: I1 is listed already in line 2"},
		{"no image", good + ",L1,nv,val\n", ":3: column image_id: "},
		{"no lesion", good + "I2,,nv,val\n", ":3: column lesion_id: "},
		{"two diagnoses", good + "I2,L1,mel,val\n", "lesion L1"},
	}
	for _, test := range tests {
		path := filepath.Join(t.TempDir(), "split.csv")
		if err := os.WriteFile(path, []byte(test.csv), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFile(path)
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "absent.csv")); err == nil || !strings.Contains(err.Error(), "absent.csv") {
		t.Errorf("absent file: %v", err)
	}
}

func TestReadFileVerifiesTheSummary(t *testing.T) {
	s, err := New(Grouped, synthetic(1, 100), Options{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "split.csv")
	if err := s.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	csv, summary := read(path), read(SummaryPath(path))
	swapped := strings.Replace(csv, ",train\n", ",test\n", 1)
	sum := sha256.Sum256([]byte(swapped))
	tests := []struct{ name, csv, json, want string }{
		{"changed CSV", swapped, summary, "SHA-256"},
		{"damaged JSON", csv, summary[:20], "split.json"},
		{"unknown protocol", csv, strings.Replace(summary, "grouped", "random", 1), "unknown protocol"},
		{"impossible fold", csv, strings.Replace(summary, `"seed"`, `"folds":3,"fold":9,"seed"`, 1), "fold 9"},
		{"a lesion in two parts, with its SHA-256", swapped,
			strings.Replace(summary, s.Summary().SHA256, hex.EncodeToString(sum[:]), 1), "keeps a lesion in one part"},
		{"changed CSV, no JSON", swapped, "", ""},
	}
	for _, test := range tests {
		if err := os.WriteFile(path, []byte(test.csv), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(SummaryPath(path), []byte(test.json), 0o644); err != nil {
			t.Fatal(err)
		}
		if test.json == "" {
			os.Remove(SummaryPath(path))
		}
		got, err := ReadFile(path)
		if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", test.name, err, test.want)
		}
		if err != nil {
			continue
		}
		if got.Protocol != "" || len(got.Rows) != len(s.Rows) {
			t.Errorf("%s: protocol %q, %d rows", test.name, got.Protocol, len(got.Rows))
		}
		// A split without a protocol can be written and read again.
		if err := got.WriteFile(path); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err != nil {
			t.Errorf("%s: written and read again: %v", test.name, err)
		}
	}
}

func TestWriteFileRefuses(t *testing.T) {
	dir := t.TempDir()
	good := &Split{Rows: []Row{{"1", "A", "nv", Train}}}
	if err := good.WriteFile(filepath.Join(dir, "split.json")); err == nil || !strings.Contains(err.Error(), ".csv") {
		t.Errorf("name of the summary: %v", err)
	}
	if err := good.WriteFile(filepath.Join(dir, "absent", "split.csv")); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("absent folder: %v", err)
	}
	broken := &Split{Protocol: Grouped, Rows: good.Rows}
	if err := broken.WriteFile(filepath.Join(dir, "split.csv")); err == nil {
		t.Error("a split without val and test: no error")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// FuzzParse checks that any bytes give an error with the name of the file, or rows that
// are equal after writing and reading.
func FuzzParse(f *testing.F) {
	f.Add("image_id,lesion_id,dx,part\nI1,L1,nv,train\nI2,L1,nv,val\n")
	f.Add("image_id,lesion_id,dx,part\r\n\"I,1\",\"L\n1\",mel,test\r\n")
	f.Add("image_id,lesion_id,dx,part\nI1,\"L\r\r\n1\",mel,test\n")
	f.Add("\ufeffimage_id")
	f.Fuzz(func(t *testing.T, content string) {
		rows, err := parse(strings.NewReader(content), "split.csv")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "split.csv:") {
				t.Errorf("error %q does not name the file", err)
			}
			return
		}
		again, err := parse(strings.NewReader(string((&Split{Rows: rows}).encode())), "again.csv")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows, again); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
		if err := (&Split{Rows: rows}).Check(); err == nil {
			(&Split{Rows: rows}).Summary()
		}
	})
}
