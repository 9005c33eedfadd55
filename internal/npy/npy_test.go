package npy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// NumPy wrote the files and their values (tools/golden/keras/make_npy.py).
func TestReadsWhatNumPyWrites(t *testing.T) {
	text, err := os.ReadFile("testdata/contents.json")
	if err != nil {
		t.Fatal(err)
	}
	var contents map[string]struct {
		Shape  []int
		Values []any
	}
	if err := json.Unmarshal(text, &contents); err != nil {
		t.Fatal(err)
	}
	if len(contents) != 21 {
		t.Errorf("%d arrays, want 21", len(contents))
	}
	for name, want := range contents {
		t.Run(name, func(t *testing.T) {
			raw := file(t, name)
			shape, values, err := Read(bytes.NewReader(raw), int64(len(raw)))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(shape, want.Shape) || len(values) != len(want.Values) {
				t.Fatalf("shape %v, %d values; want %v, %d", shape, len(values), want.Shape, len(want.Values))
			}
			for i, v := range want.Values {
				switch v := v.(type) {
				case float64: // in 9 digits, which name a float32 exactly
					if values[i] != float32(v) {
						t.Errorf("value %d is %v, want %v", i, values[i], v)
					}
				case string:
					if math.IsInf(float64(values[i]), 1) != (v == "inf") || math.IsInf(float64(values[i]), -1) != (v == "-inf") {
						t.Errorf("value %d is %v, want %v", i, values[i], v)
					}
				}
			}
		})
	}
}

// Write gives the bytes that NumPy writes for arrays of little-endian float32.
func TestWritesWhatNumPyWrites(t *testing.T) {
	for _, name := range []string{"little_f4", "scalar", "vector", "empty"} {
		want := file(t, name)
		shape, values, err := Read(bytes.NewReader(want), int64(len(want)))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := Write(&got, shape, values); err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: %v, %q, want %q", name, err, got.Bytes(), want)
		}
	}
}

func TestRefuses(t *testing.T) {
	header := func(dict string) []byte {
		return append([]byte("\x93NUMPY\x01\x00"+string([]byte{byte(len(dict)), byte(len(dict) >> 8)})), dict...)
	}
	plain := func(descr, shape string) []byte {
		return header(fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape))
	}
	whole := file(t, "little_f4")
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"bool":             {file(t, "refused_bool"), `type "|b1" is not read`},
		"complex":          {file(t, "refused_complex"), `type "<c8" is not read`},
		"text":             {file(t, "refused_text"), `type "<U5" is not read`},
		"record":           {file(t, "refused_record"), "is not one of a plain array of numbers"},
		"object":           {file(t, "refused_object"), `type "|O" is not read`},
		"long integer":     {file(t, "refused_long_integer"), "element 1 is an integer that float32 cannot hold"},
		"unsigned":         {file(t, "refused_unsigned_limit"), "element 0 is an integer that float32 cannot hold"},
		"nothing":          {nil, "not an .npy file (0 bytes)"},
		"another":          {[]byte("\x89HDF\r\n\x1a\n........"), "not an .npy file (16 bytes)"},
		"version":          {[]byte("\x93NUMPY\x04\x00\x00\x00"), "version 4 of the .npy format is not known"},
		"no length":        {[]byte("\x93NUMPY\x01\x00\x00"), "the file is truncated"},
		"header cut":       {whole[:40], "the file is truncated"},
		"values cut":       {whole[:len(whole)-1], "95 bytes of values; shape [2 3 4] of type <f4 takes 96"},
		"values too many":  {append(slices.Clone(whole), 0), "97 bytes of values; shape [2 3 4] of type <f4 takes 96"},
		"long header":      {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), "a header of 4294967295 bytes; at most 10000 are read"},
		"no dictionary":    {header("[]\n"), "is not one of a plain array of numbers"},
		"code":             {header("__import__('os')\n"), "is not one of a plain array of numbers"},
		"large":            {plain("<f4", "(65536, 65536)"), "shape [65536 65536] is too large"},
		"large, then none": {plain("<f4", "(2147483647, 2147483647, 0)"), "is too large"},
		"larger":           {plain("<f4", "(99999999999999999999,)"), "shape (99999999999999999999,) is not read"},
		"rank":             {plain("<f4", "("+strings.Repeat("1, ", 33)+")"), "is not read"},
		"gap in shape":     {plain("<f4", "(1,, 1)"), "is not read"},
		"no type":          {plain("", "(1,)"), `type "" is not read`},
		"no size":          {plain("<f0", "(1,)"), `type "<f0" is not read`},
		"size 16":          {plain("<f16", "(1,)"), `type "<f16" is not read`},
		"no byte order":    {plain("|f4", "(1,)"), `type "|f4" is not read`},
	} {
		_, _, err := Read(bytes.NewReader(c.raw), int64(len(c.raw)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, _, err := Read(bytes.NewReader(nil), 0); !errors.Is(err, ErrNotNPY) {
		t.Errorf("error %v", err)
	}
	for _, c := range []struct {
		shape  []int
		values int
		want   string
	}{{[]int{2}, 3, "3 values for shape [2]"}, {[]int{-1}, 0, "too large"}, {nil, 0, "0 values for shape []"}} {
		if err := Write(&bytes.Buffer{}, c.shape, make([]float32, c.values)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// No file makes the reader panic or take more memory than a multiple of its size.
func FuzzRead(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.npy")
	if err != nil || len(paths) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		shape, values, err := Read(bytes.NewReader(raw), int64(len(raw)))
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20+32*uint64(len(raw)) {
			t.Fatalf("%d bytes allocated for a file of %d", grown, len(raw))
		}
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Write(&again, shape, values); err != nil {
			t.Fatal(err)
		}
		shape2, values2, err := Read(&again, int64(again.Len()))
		same := func(a, b float32) bool { return a == b || a != a && b != b }
		if err != nil || !slices.Equal(shape, shape2) || !slices.EqualFunc(values, values2, same) {
			t.Fatalf("%v, %v came back as %v, %v, %v", shape, values, shape2, values2, err)
		}
	})
}

func file(t testing.TB, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".npy"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
