package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The format's own library wrote these files (tools/golden/keras/make_safetensors.py).
func TestFileOfTheLibrary(t *testing.T) {
	raw, err := os.ReadFile("testdata/library.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	inf := float32(math.Inf(1))
	want := []Tensor{
		{`"quoted" ü`, []int{1}, []float32{1}},
		{"/conv/kernel", []int{2, 2, 3}, []float32{0, .125, .25, .375, .5, .625, .75, .875, 1, 1.125, 1.25, 1.375}},
		{"/empty", []int{0, 3}, []float32{}},
		{"/special", []int{6}, []float32{inf, -inf, float32(math.Copysign(0, -1)), 0x1p-126, 1e-45, math.MaxFloat32}},
		{"/step", []int{}, []float32{-1.5}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if math.Float32bits(got[3].Data[2]) != 1<<31 {
		t.Error("the sign of zero is lost")
	}
	var again bytes.Buffer
	if err := Write(&again, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(raw), again.String()); diff != "" {
		t.Errorf("written again, the file differs (-library +ours):\n%s", diff)
	}
}

func TestNaNKeepsItsBits(t *testing.T) {
	bits := uint32(0xffc00123)
	got := roundTrip(t, []Tensor{{"a", []int{1}, []float32{math.Float32frombits(bits)}}})
	if b := math.Float32bits(got[0].Data[0]); b != bits {
		t.Errorf("bits %#x, want %#x", b, bits)
	}
}

func roundTrip(t *testing.T, tensors []Tensor) []Tensor {
	t.Helper()
	var file bytes.Buffer
	if err := Write(&file, tensors); err != nil {
		t.Fatal(err)
	}
	got, err := Parse(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestNoTensors(t *testing.T) {
	if got := roundTrip(t, nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestWriteRefuses(t *testing.T) {
	for text, tensors := range map[string][]Tensor{
		`"a": the name is taken`:            {{"a", nil, []float32{1}}, {"a", nil, []float32{2}}},
		`"__metadata__": the name is taken`: {{"__metadata__", nil, []float32{1}}},
		`"a" of shape [2 3] has 5 values`:   {{"a", []int{2, 3}, make([]float32, 5)}},
		`"a" of shape [-1] has 0 values`:    {{"a", []int{-1}, nil}},
	} {
		var file bytes.Buffer
		if err := Write(&file, tensors); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%v: %v, want %q", tensors, err, text)
		}
		if file.Len() > 0 {
			t.Errorf("%q: %d bytes were written", text, file.Len())
		}
	}
}

// full fails after some bytes, as a full disk does.
type full struct{ room int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if len(p) > f.room {
		return f.room, errFull
	}
	f.room -= len(p)
	return len(p), nil
}

func TestWriteErrorIsSeen(t *testing.T) {
	tensors := []Tensor{{"a", []int{2}, []float32{1, 2}}, {"b", []int{1}, []float32{3}}}
	var file bytes.Buffer
	if err := Write(&file, tensors); err != nil {
		t.Fatal(err)
	}
	for room := range file.Len() {
		if err := Write(&full{room}, tensors); !errors.Is(err, errFull) {
			t.Errorf("room for %d of %d bytes: %v", room, file.Len(), err)
		}
	}
}

// file is a safetensors file with the given header.
func file(header string, data int) []byte {
	raw := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(raw, header...), make([]byte, data)...)
}

// Every field of the header may be wrong.
func TestWrongHeaders(t *testing.T) {
	for _, c := range []struct {
		name   string
		raw    []byte
		reason string
	}{
		{"empty file", nil, "0 bytes"},
		{"seven bytes", make([]byte, 7), "7 bytes"},
		{"header beyond the file", file("{}", 0)[:9], "a header of 2 bytes in 9"},
		{"length of all ones", bytes.Repeat([]byte{0xff}, 100), "a header of 18446744073709551615 bytes in 100"},
		{"length of 2^63", append([]byte{0, 0, 0, 0, 0, 0, 0, 0x80}, make([]byte, 100)...), "a header of 9223372036854775808 bytes"},
		{"empty header", file("", 0), "JSON"},
		{"no JSON", file("{", 0), "JSON"},
		{"a list", file("[]", 0), "array"},
		{"no object", file(`{"a":1}`, 4), "number"},
		{"null", file(`{"a":null}`, 4), `type ""`},
		{"no type", file(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4), `type ""`},
		{"another type", file(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}`, 4), `type "F16"`},
		{"no shape", file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4), "no shape"},
		{"a fraction as shape", file(`{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4), "1.5"},
		{"a negative shape", file(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}`, 4), "shape [-1]"},
		{"two negative sides", file(`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 4), "shape [-1 -1]"},
		{"a shape that overflows to 1", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296,1],"data_offsets":[0,0]}}`, 0), "with 0 values"},
		{"a shape beyond 64 bits", file(`{"a":{"dtype":"F32","shape":[36893488147419103232],"data_offsets":[0,4]}}`, 4), "36893488147419103232"},
		{"a shape larger than the data", file(`{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4]}}`, 4), "with 1 values"},
		{"no offsets", file(`{"a":{"dtype":"F32","shape":[1]}}`, 4), "0 data offsets"},
		{"one offset", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}`, 4), "1 data offsets"},
		{"three offsets", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}`, 8), "3 data offsets"},
		{"a negative offset", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 4), "bytes -4 to 0"},
		{"offsets that go back", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 4), "bytes 4 to 0"},
		{"an offset beyond the end", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 4), "bytes 0 to 8 of 4"},
		{"a length of no float32", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}}`, 5), "bytes 0 to 5"},
		{"an overlap", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12), `"b" begins at byte 4`},
		{"the same twice", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4), `"b" begins at byte 0`},
		{"a gap", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12), `"b" begins at byte 8`},
		{"a gap at the start", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8), `"a" begins at byte 4`},
		{"data that belongs to none", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 8), "end at byte 4 of 8"},
	} {
		if got, err := Parse(c.raw); err == nil || !strings.Contains(err.Error(), c.reason) || got != nil {
			t.Errorf("%s: %v, %v; want an error with %q", c.name, got, err, c.reason)
		}
	}
}

// A file cut anywhere is an error.
func TestTruncated(t *testing.T) {
	raw, err := os.ReadFile("testdata/library.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if _, err := Parse(raw[:n]); err == nil {
			t.Errorf("%d of %d bytes are a file", n, len(raw))
		}
	}
}

// Very many tensors that share one megabyte must not become a gigabyte.
func TestClaimsAllocateNothing(t *testing.T) {
	const data = 1 << 20
	var header strings.Builder
	header.WriteString("{")
	for i := range 1000 {
		fmt.Fprintf(&header, `"%d":{"dtype":"F32","shape":[%d],"data_offsets":[0,%d]},`, i, data/4, data)
	}
	raw := file(strings.TrimSuffix(header.String(), ",")+"}", data)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Parse(raw); err == nil {
		t.Error("no error")
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("%d bytes were allocated for a file of %d", grown, len(raw))
	}
}

// Parse passes over metadata, which other programs write.
func TestMetadataIsPassedOver(t *testing.T) {
	got, err := Parse(file(`{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4))
	if err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}

// Tensors that Parse reads can be written and read again.
func FuzzParse(f *testing.F) {
	raw, err := os.ReadFile("testdata/library.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(file(`{}`, 0))
	f.Add(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}`, 12))
	f.Fuzz(func(t *testing.T, raw []byte) {
		first, err := Parse(raw)
		if err != nil {
			return
		}
		total := 0
		for _, tensor := range first {
			total += 4 * len(tensor.Data)
		}
		if total > len(raw) {
			t.Errorf("%d bytes of values from %d", total, len(raw))
		}
		second := roundTrip(t, first)
		same := cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
		if diff := cmp.Diff(byName(first), byName(second), same); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}

// byName is for comparing files that order empty tensors differently.
func byName(tensors []Tensor) map[string]Tensor {
	m := map[string]Tensor{}
	for _, tensor := range tensors {
		m[tensor.Name] = tensor
	}
	return m
}
